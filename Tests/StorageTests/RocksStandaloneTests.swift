import Codec
import Engine
import Runtime
import Storage
import TestSupport
import Testing

/// The raw commands of a server that runs alone, on RocksDB: TinyKV's tests of its first project.
struct RocksStandaloneTests {
  /// A storage on RocksDB in a directory of its own.
  private final class Server {
    let engine: RocksEngine
    let raw: RawCommands
    private let storage: StandaloneStorage
    private let host = ThreadHost()
    private let directory: TemporaryDirectory
    let reasons = FatalReasons()

    init() throws {
      directory = try TemporaryDirectory("standalone")
      engine = try RocksEngine(path: directory.child("db"))
      let reasons = reasons
      storage = StandaloneStorage(
        engine: engine, region: StandaloneFixture.region, peer: StandaloneFixture.peer, host: host
      ) { reasons.add($0) }
      raw = RawCommands(storage: storage)
    }

    func close() throws {
      storage.stop()
      host.shutdown()
      try engine.close()
      #expect(reasons.all.isEmpty)
    }

    func result<T: Sendable>(
      _ call: (@escaping @Sendable (Result<T, StorageError>) -> Void) -> Void
    ) throws -> T {
      let box = ResultBox<T>()
      call { box.fill($0) }
      return try box.wait().get()
    }

    func get(_ key: [UInt8], cf: String = "default") throws -> [UInt8]? {
      try result { raw.get(StandaloneFixture.context, cf: cf, key: key, on: { $0() }, $0) }
    }

    func put(_ key: [UInt8], _ value: [UInt8], cf: String = "default") throws {
      try result {
        raw.put(StandaloneFixture.context, cf: cf, key: key, value: value, ttl: 0, $0)
      }
    }

    func delete(_ key: [UInt8]) throws {
      try result { raw.delete(StandaloneFixture.context, cf: "default", keys: [key], $0) }
    }

    func scan(_ start: [UInt8], limit: Int) throws -> [KeyValue] {
      let scan = RawScan(start: start, limit: limit)
      return try result {
        raw.scan(StandaloneFixture.context, cf: "default", scan, on: { $0() }, $0)
      }
    }

    /// What the engine has, without the server.
    func write(_ pairs: [(UInt8, UInt8)]) throws {
      var batch = WriteBatch()
      for (key, value) in pairs { batch.put(.default, [key], [value]) }
      try engine.write(batch, .synced)
    }
  }

  private func with(_ body: (Server) throws -> Void) throws {
    let server = try Server()
    try body(server)
    try server.close()
  }

  @Test func getReturnsWhatIsStored() throws {
    try with { server in
      try server.write([(99, 42)])
      #expect(try server.get([99]) == [42])
    }
  }

  @Test func anAbsentKeyIsNotFound() throws {
    try with { server in
      let value = try server.get([99])
      #expect(value == nil)
    }
  }

  @Test func putIsInTheEngine() throws {
    try with { server in
      try server.put([99], [42])
      #expect(try server.engine.get(.default, [99]) == [42])
    }
  }

  @Test func everyFamilyHasItsOwnValue() throws {
    try with { server in
      try server.put([99], [42])
      try server.put([99], [44], cf: "write")
      #expect(try server.get([99]) == [42])
      #expect(try server.get([99], cf: "write") == [44])
    }
  }

  @Test func aDeletedKeyIsNotFound() throws {
    try with { server in
      try server.write([(99, 42)])
      try server.delete([99])
      #expect(try server.get([99]) == nil)
      #expect(try server.engine.get(.default, [99]) == nil)
    }
  }

  @Test func scanEndsAtItsLimit() throws {
    try with { server in
      try server.write((1...5).map { ($0, 230 + $0) })
      let found = try server.scan([1], limit: 3)
      #expect(found.map(\.key) == [[1], [2], [3]])
      #expect(found.map(\.value) == [[231], [232], [233]])
    }
  }

  @Test func scanSeesPutsAndDeletes() throws {
    try with { server in
      try server.write((1...4).map { ($0, 230 + $0) })
      try server.put([5], [235])
      #expect(try server.scan([1], limit: 10).map(\.key) == [[1], [2], [3], [4], [5]])
      try server.delete([3])
      #expect(try server.scan([1], limit: 10).map(\.key) == [[1], [2], [4], [5]])
    }
  }

  @Test func anOpenCursorSeesNoDelete() throws {
    try with { server in
      try server.write((1...4).map { ($0, 230 + $0) })
      let view = server.engine.snapshot()
      let cursor = try view.cursor(.default)
      try server.delete([3])
      cursor.seekToFirst()
      var keys: [[UInt8]] = []
      while cursor.isValid {
        keys.append(cursor.key)
        cursor.next()
      }
      try cursor.finish()
      #expect(keys == [[1], [2], [3], [4]])
    }
  }
}
