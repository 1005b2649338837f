import Codec
import Engine
import Foundation
import Raftstore
import Runtime
import TestSupport
import Testing
import Wire

@testable import Server

/// Values that expire, through a whole server.
struct TTLTests {
  private func start(_ directory: String, ttl: Bool) async throws -> StandaloneServer {
    var configuration = NodeConfiguration.test(directory)
    configuration.enablesTTL = ttl
    return try await StandaloneServer.start(configuration, logger: quiet) { _ in }
  }

  @Test func valuesAreWrittenWithTheirExpiry() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path, ttl: true)
    let caller = RawCaller(server.address)
    let (context, _) = try await caller.context()
    let put: Kvrpcpb_RawPutResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/RawPut",
      Kvrpcpb_RawPutRequest.with {
        $0.context = context
        $0.key = [1].data
        $0.value = [2].data
        $0.ttl = 1000
      })
    #expect(put == Kvrpcpb_RawPutResponse())
    let request = Kvrpcpb_RawGetKeyTTLRequest.with {
      $0.context = context
      $0.key = [1].data
    }
    let left: Kvrpcpb_RawGetKeyTTLResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/RawGetKeyTTL", request)
    #expect((900...1000).contains(left.ttl) && !left.notFound)
    #expect(try await caller.get([1], context).value == [2].data)
    caller.close()
    await server.stop()
  }

  /// Values with and without expiry cannot be told apart.
  @Test func theSettingBelongsToTheData() async throws {
    for ttl in [true, false] {
      let scratch = try TemporaryDirectory("server")
      await (try start(scratch.path, ttl: ttl)).stop()
      let error = await #expect(throws: StartError.self) {
        try await start(scratch.path, ttl: !ttl)
      }
      let words =
        ttl ? "can't disable ttl on a ttl instance" : "can't enable ttl on a non-ttl instance"
      #expect(error?.description.contains(words) == true)
      await (try start(scratch.path, ttl: ttl)).stop()
    }
  }

  /// Of a version that wrote no identity: its values have no expiry.
  @Test func dataWithoutAnIdentityHasNoTTL() async throws {
    let scratch = try TemporaryDirectory("server")
    await (try start(scratch.path, ttl: false)).stop()
    try FileManager.default.removeItem(atPath: scratch.path + "/APUS")
    await #expect(throws: StartError.self) { try await start(scratch.path, ttl: true) }
    await (try start(scratch.path, ttl: false)).stop()
  }

  /// A first start that failed has bound nothing.
  @Test func aDirectoryWithoutDataMayStillChoose() throws {
    let scratch = try TemporaryDirectory("server")
    let directory = try DataDirectory(scratch.path, files: SystemFileSystem())
    for ttl in [true, false, true] {
      var file = try DataIdentityFile(directory, role: .store, files: SystemFileSystem())
      try file.settle(ttl: ttl)
      try file.record()
      let again = try DataIdentityFile(directory, role: .store, files: SystemFileSystem())
      #expect(again.identity.hasTTL == ttl)
    }
  }

  @Test func compactionsDropWhatHasExpired() throws {
    let scratch = try TemporaryDirectory("server")
    let directory = try DataDirectory(scratch.path, files: SystemFileSystem())
    for ttl in [true, false] {
      let role = ttl ? DataIdentity.Role.store : .standalone
      try? FileManager.default.removeItem(atPath: scratch.path + "/APUS")
      try? FileManager.default.removeItem(atPath: scratch.path + "/db")
      var file = try DataIdentityFile(directory, role: role, files: SystemFileSystem())
      try file.settle(ttl: ttl)
      let engine = try EngineOpener.data(
        directory, NodeConfiguration.test(scratch.path), tables: 64, identity: file)
      var batch = WriteBatch()
      // Since 1970, never, and in the year 2242.
      let expiries: [[UInt8]] = [
        [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 2, 0, 0, 0, 0],
      ]
      for (key, expiry) in expiries.enumerated() { batch.put(.default, [UInt8(key)], expiry) }
      try engine.write(batch, .synced)
      try engine.flush()
      try engine.compact(.default, from: nil, to: nil)
      let kept = try engine.scan(.default).map(\.key)
      #expect(kept == (ttl ? [[1], [2]] : [[0], [1], [2]]))
      try engine.close()
    }
  }

  @Test func aFileTurnsItOnAndVersionOneAloneIsTaken() throws {
    var configuration = NodeConfiguration()
    var file = try ConfigurationFile(
      path: "x", text: "[storage]\nenable-ttl = true\napi-version = 1\n")
    try file.apply(to: &configuration)
    #expect(configuration.enablesTTL && file.ignored == [])
    for text in ["enable-ttl = 1", "enable-ttl = \"yes\"", "api-version = 2"] {
      var file = try ConfigurationFile(path: "x", text: "[storage]\n\(text)\n")
      #expect(throws: ConfigurationFile.Invalid.self) { try file.apply(to: &configuration) }
    }
  }
}
