import Foundation
import NIOCore
import Testing

@testable import RPC

@Suite(.enabled(if: TestCertificates.canMake, "no openssl command"))
struct TLSTests {
  @Test func roundTrip() async throws {
    let certificates = try TestCertificates.make()
    defer { certificates.remove() }
    let configuration = ServerConfiguration(
      tls: ServerTLS(certificatePath: certificates.certificate, keyPath: certificates.key))
    var client = ClientConfiguration()
    client.tls = ClientTLS(caPath: certificates.certificate)
    try await TestPair.run(TestServices.router, server: configuration, client: client) { pair in
      let payload = ByteBuffer(repeating: 4, count: 1 << 20)
      let reply = try await pair.channel.unary(TestServices.echo, payload)
      #expect(reply == payload)
    }
  }

  @Test func certificatesOfAnotherAuthorityAreRefused() async throws {
    let certificates = try TestCertificates.make()
    let others = try TestCertificates.make()
    defer {
      certificates.remove()
      others.remove()
    }
    let configuration = ServerConfiguration(
      tls: ServerTLS(certificatePath: certificates.certificate, keyPath: certificates.key))
    var client = ClientConfiguration()
    client.tls = ClientTLS(caPath: others.certificate)
    try await TestPair.run(TestServices.router, server: configuration, client: client) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      }
      #expect(error?.code == .unavailable)
    }
  }

  @Test func mutualTLS() async throws {
    let certificates = try TestCertificates.make()
    defer { certificates.remove() }
    let configuration = ServerConfiguration(
      tls: ServerTLS(
        certificatePath: certificates.certificate, keyPath: certificates.key,
        clientCAPath: certificates.certificate))
    var known = ClientConfiguration()
    known.tls = ClientTLS(
      caPath: certificates.certificate, certificatePath: certificates.certificate,
      keyPath: certificates.key)
    try await TestPair.run(TestServices.router, server: configuration, client: known) { pair in
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "known"))
      #expect(reply == ByteBuffer(string: "known"))
    }
    var unknown = ClientConfiguration()
    unknown.tls = ClientTLS(caPath: certificates.certificate)
    try await TestPair.run(TestServices.router, server: configuration, client: unknown) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      }
      #expect(error?.code == .unavailable)
    }
  }

  @Test func plainClientAtATLSServer() async throws {
    let certificates = try TestCertificates.make()
    defer { certificates.remove() }
    let configuration = ServerConfiguration(
      tls: ServerTLS(certificatePath: certificates.certificate, keyPath: certificates.key))
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      }
      #expect(error?.code == .unavailable)
    }
  }

  @Test func missingCertificateIsAnError() async throws {
    let configuration = ServerConfiguration(
      tls: ServerTLS(certificatePath: "nowhere.pem", keyPath: "nowhere.key"))
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await TestPair.make(TestServices.router, server: configuration)
    }
    #expect(error?.code == .failedPrecondition)
  }
}
