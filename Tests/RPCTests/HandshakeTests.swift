import NIOCore
import Testing

@testable import RPC

/// Connections that do not become connections of HTTP/2 end, and so do those whose peer is gone.
@Suite struct HandshakeTests {
  private static var hasty: ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.handshakeTimeout = .seconds(2)
    return configuration
  }

  @Test(arguments: [
    [], Array(RawPeer.preface.prefix(10)), RawPeer.preface,
    RawPeer.preface + Array(RawPeer.emptySettings.prefix(5)),
    RawPeer.preface + RawPeer.emptySettings,
  ])
  func unfinishedHandshakes(bytes: [UInt8]) async throws {
    try await TestPair.run(TestServices.router, server: Self.hasty) { pair in
      let peer = try await RawPeer.connect(pair.address)
      // On a busy machine the time may be up before this is sent.
      if !bytes.isEmpty { try? await peer.send(bytes) }
      _ = try await peer.untilClosed()
    }
  }

  @Test(.enabled(if: TestCertificates.canMake, "no openssl command"))
  func unfinishedTLSHandshake() async throws {
    let certificates = try TestCertificates.make()
    defer { certificates.remove() }
    var configuration = Self.hasty
    configuration.tls = ServerTLS(
      certificatePath: certificates.certificate, keyPath: certificates.key)
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      for bytes: [UInt8] in [[], [0x16, 3, 1, 2, 0]] {
        let peer = try await RawPeer.connect(pair.address)
        if !bytes.isEmpty { try? await peer.send(bytes) }
        _ = try await peer.untilClosed()
      }
    }
  }

  @Test func aConnectionWithItsHandshakeDoneStaysOpen() async throws {
    var configuration = Self.hasty
    // Long enough for the greeting on a busy machine.
    configuration.handshakeTimeout = .seconds(20)
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      // A connection opened later is closed for its silence: by then this one's time was up too.
      let silent = try await RawPeer.connect(pair.address)
      _ = try await silent.untilClosed()
      _ = try await peer.pong()
      try await peer.close()
    }
  }

  @Test func aClientThatDoesNotAcknowledgePingsIsDisconnected() async throws {
    var configuration = ServerConfiguration()
    configuration.keepalive = Keepalive(interval: .seconds(1), timeout: .seconds(1))
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.connect(pair.address)
      try? await peer.send(
        RawPeer.preface + RawPeer.emptySettings + RawPeer.settingsAcknowledgement)
      let types = RawPeer.frameTypes(try await peer.untilClosed())
      #expect(types.contains(6))
    }
  }

  @Test func keepaliveIsOnByDefault() {
    #expect(ServerConfiguration().keepalive != nil)
  }
}
