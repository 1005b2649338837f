import RocksDB

/// An open database and its families, in the order of `ColumnFamily`.
final class RocksHandle: Sendable {
  let db: DB
  let families: [DBColumnFamily]

  init(_ db: DB) {
    self.db = db
    families = db.families
  }

  subscript(family: ColumnFamily) -> DBColumnFamily { families[Int(family.rawValue)] }

  func get(
    _ family: ColumnFamily, _ key: [UInt8], at snapshot: DBSnapshot? = nil
  ) throws(EngineError) -> [UInt8]? {
    do throws(RocksDBError) {
      guard let snapshot else { return try db.get(self[family], key) }
      return try db.get(self[family], key, at: snapshot)
    } catch {
      throw EngineError(error)
    }
  }

  func getFromMemory(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]?? {
    do throws(RocksDBError) {
      return try db.getFromMemory(self[family], key)
    } catch {
      throw EngineError(error)
    }
  }

  func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]], at snapshot: DBSnapshot? = nil
  ) throws(EngineError) -> [[UInt8]?] {
    try translating { () throws(RocksDBError) in
      try db.multiGet(self[family], keys, at: snapshot)
    }
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool,
    at snapshot: DBSnapshot? = nil
  ) -> any KVCursor {
    RocksCursor(
      db.iterator(self[family], from: lower, to: upper, at: snapshot, fillCache: fillCache))
  }
}

/// Runs a RocksDB call and turns its error into an engine's.
func translating<R>(_ body: () throws(RocksDBError) -> R) throws(EngineError) -> R {
  do throws(RocksDBError) {
    return try body()
  } catch {
    throw EngineError(error)
  }
}

extension EngineError {
  init(_ error: RocksDBError) {
    let kind: Kind =
      switch error.kind {
      case .corruption: .corruption
      case .io: .io
      case .noSpace: .noSpace
      case .denied: .denied
      case .locked: .locked
      case .invalid: .invalid
      case .notFound: .notFound
      case .incomplete, .other: .other
      }
    self.init(kind, operation: error.operation, message: error.message)
  }
}
