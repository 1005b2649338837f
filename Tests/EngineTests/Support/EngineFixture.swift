import Engine
import Runtime
import TestSupport
import Testing

/// The engines under test.
enum EngineKind: String, CaseIterable, CustomTestStringConvertible {
  case rocks, memory

  var testDescription: String { rawValue }
}

/// An engine with a directory of its own, and a way to open it again.
final class EngineFixture {
  let kind: EngineKind
  private let temporary: TemporaryDirectory
  private(set) var engine: any KVEngine

  var path: String { temporary.child("kv") }

  init(_ kind: EngineKind) throws {
    self.kind = kind
    temporary = try TemporaryDirectory("engine")
    engine =
      switch kind {
      case .rocks: try RocksEngine(path: temporary.child("kv"))
      case .memory: try MemoryEngine(path: temporary.child("kv"), files: SystemFileSystem())
      }
  }

  var directory: String { temporary.path }

  func reopen() throws {
    try engine.close()
    engine =
      if let memory = engine as? MemoryEngine {
        memory.reopen()
      } else {
        try RocksEngine(path: path)
      }
  }

  /// The engine that a checkpoint at `path` opens as.
  func open(_ path: String) throws -> any KVEngine {
    switch kind {
    case .rocks: try RocksEngine(path: path)
    case .memory: try MemoryEngine(path: path, files: SystemFileSystem())
    }
  }

  func put(_ pairs: [(String, String)], in family: ColumnFamily = .default) throws {
    var batch = WriteBatch()
    for (key, value) in pairs { batch.put(family, Array(key.utf8), Array(value.utf8)) }
    try engine.write(batch, .buffered)
  }

  /// Writes an SST file of these pairs.
  func file(
    _ name: String, _ pairs: [(String, String)], for family: ColumnFamily = .default
  ) throws -> SSTFile {
    let path = temporary.child(name)
    let writer = try engine.makeSSTWriter(path, for: family)
    for (key, value) in pairs { try writer.put(Array(key.utf8), Array(value.utf8)) }
    _ = try writer.finish()
    return SSTFile(family, path: path)
  }
}

extension KVReader {
  func text(_ key: String, in family: ColumnFamily = .default) throws -> String? {
    try get(family, Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// All pairs of the range, as `key=value`.
  func dump(
    _ family: ColumnFamily = .default, from: String? = nil, to: String? = nil
  ) throws -> [String] {
    try scan(family, from: from.map { Array($0.utf8) }, to: to.map { Array($0.utf8) }).map {
      String(decoding: $0.key, as: UTF8.self) + "=" + String(decoding: $0.value, as: UTF8.self)
    }
  }
}
