package import Engine
package import Runtime

/// A store's engine on a disk that has faults, for one process.
package final class FaultyEngine: ForwardingEngine {
  package let base: any KVEngine
  private let disk: DiskAccess

  init(_ base: any KVEngine, _ disk: DiskAccess) {
    self.base = base
    self.disk = disk
  }

  private func perform<R>(
    _ operation: DiskFaults.Operation, _ name: String, _ body: () throws(EngineError) -> R
  ) throws(EngineError) -> R {
    try disk.perform(operation, { Self.error($0, name) }, body)
  }

  static func error(_ failure: DiskFaults.Failure, _ name: String) -> EngineError {
    switch failure {
    case .dead: EngineError(.closed, operation: name, message: "the process is dead")
    case .io: EngineError(.io, operation: name, message: "IO error: simulated")
    case .full: EngineError(.noSpace, operation: name, message: "IO error: No space left")
    }
  }

  package func get(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]? {
    try reader(base).get(family, key)
  }

  package func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    try reader(base).multiGet(family, keys)
  }

  package func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    try reader(base).cursor(family, from: lower, to: upper, fillCache: fillCache)
  }

  package func snapshot() -> any KVSnapshot { reader(base.snapshot()) }

  private func reader(_ base: any KVReader) -> FaultyReader {
    FaultyReader(base, disk)
  }

  package func write(
    _ batch: WriteBatch, _ durability: Durability
  ) throws(EngineError) {
    try perform(.write, "write") { () throws(EngineError) in try base.write(batch, .buffered) }
    disk.forgetReplacedDamage { try $0.isThere(in: self.base) }
    // A machine may crash between the two.
    if durability == .synced { try sync() }
  }

  package func sync() throws(EngineError) {
    try perform(.sync, "sync") { () throws(EngineError) in try base.sync() }
  }

  package func flush() throws(EngineError) {
    try perform(.sync, "flush") { () throws(EngineError) in try base.flush() }
  }

  package func ingest(_ files: [SSTFile], move: Bool) throws(EngineError) {
    try perform(.write, "ingest") { () throws(EngineError) in try base.ingest(files, move: move) }
  }
}
