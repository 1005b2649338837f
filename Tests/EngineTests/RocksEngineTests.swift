import Engine
import Foundation
import Testing

/// What only an engine with a directory can get wrong.
struct RocksEngineTests {
  @Test func aDirectoryInUseIsNamed() throws {
    let fixture = try EngineFixture(.rocks)
    let error = #expect(throws: EngineError.self) { try RocksEngine(path: fixture.path) }
    #expect(error?.kind == .locked)
    #expect(error?.description.contains(fixture.path) == true)
    #expect(error?.description.contains("in use by another process") == true)
  }

  @Test func anUnwritableDirectoryIsNamed() throws {
    let error = #expect(throws: EngineError.self) { try RocksEngine(path: "/proc/apus/kv") }
    #expect(error?.description.contains("/proc/apus/kv") == true)
  }

  @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
  func aReadOnlyDirectoryIsDenied() throws {
    let fixture = try EngineFixture(.rocks)
    let path = fixture.directory + "/sealed"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o500])
    let error = #expect(throws: EngineError.self) { try RocksEngine(path: path) }
    #expect(error?.kind == .denied)
    #expect(error?.description.contains(path) == true)
  }

  @Test func aForeignDatabaseIsRefused() throws {
    let fixture = try EngineFixture(.rocks)
    try fixture.engine.close()
    let url = URL(fileURLWithPath: fixture.path + "/CURRENT")
    try Data("MANIFEST-999999\n".utf8).write(to: url)
    let error = #expect(throws: EngineError.self) { try RocksEngine(path: fixture.path) }
    #expect(error?.description.contains(fixture.path) == true)
  }

  @Test func openingWithoutCreateIfMissingDoesNotCreate() throws {
    let fixture = try EngineFixture(.rocks)
    var options = RocksEngineOptions()
    options.createIfMissing = false
    let path = fixture.directory + "/none"
    let error = #expect(throws: EngineError.self) {
      try RocksEngine(path: path, options: options)
    }
    #expect(error?.kind == .notFound)
    #expect(!FileManager.default.fileExists(atPath: path + "/CURRENT"))
  }

  /// What event loops read: nothing that would need a file.
  @Test func memoryIsReadWithoutFiles() throws {
    let fixture = try EngineFixture(.rocks)
    try fixture.put([("a", "1")])
    let key = Array("a".utf8)
    #expect(try fixture.engine.getFromMemory(.default, key) == .some(Array("1".utf8)))
    #expect(try fixture.engine.getFromMemory(.default, [9]) == .some(nil))
    try fixture.engine.flush()
    try fixture.engine.close()
    // A new process: the block is in no cache.
    let again = try RocksEngine(path: fixture.path)
    #expect(try again.getFromMemory(.default, key) == .none)
    #expect(try again.get(.default, key) == Array("1".utf8))
    #expect(try again.getFromMemory(.default, key) == .some(Array("1".utf8)))
  }

  @Test func aReaderBesideTheWriter() throws {
    let fixture = try EngineFixture(.rocks)
    try fixture.put([("a", "1")])
    try fixture.engine.sync()
    var options = RocksEngineOptions()
    options.readOnly = true
    let reader = try RocksEngine(path: fixture.path, options: options)
    #expect(try reader.text("a") == "1")
    var batch = WriteBatch()
    batch.put(.default, [1], [1])
    #expect(throws: EngineError.self) { try reader.write(batch, .buffered) }
    try reader.close()
  }

  @Test func closingFreesTheDirectoryOnceSnapshotsAreGone() throws {
    let fixture = try EngineFixture(.rocks)
    var snapshot: (any KVSnapshot)? = fixture.engine.snapshot()
    try fixture.engine.close()
    #expect(throws: EngineError.self) { try RocksEngine(path: fixture.path) }
    #expect(try snapshot?.get(.default, [1]) == nil)
    snapshot = nil
    _ = try RocksEngine(path: fixture.path)
  }
}
