package import Engine
package import Runtime

/// An engine that forwards everything to another one: what a fault or a mutant changes, a type
/// implements itself.
package protocol ForwardingEngine: KVEngine {
  /// Where everything goes that the type does not implement.
  var base: any KVEngine { get }
}

extension ForwardingEngine {
  package var path: String { base.path }

  package func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try base.get(family, key)
  }

  package func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    try base.multiGet(family, keys)
  }

  package func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    try base.cursor(family, from: lower, to: upper, fillCache: fillCache)
  }

  package func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    try base.write(batch, durability)
  }

  package func snapshot() -> any KVSnapshot { base.snapshot() }
  package func sync() throws(EngineError) { try base.sync() }
  package func flush() throws(EngineError) { try base.flush() }

  package func makeSSTWriter(
    _ path: String, for family: ColumnFamily
  ) throws(EngineError) -> any SSTWriter {
    try base.makeSSTWriter(path, for: family)
  }

  package func openSST(_ path: String) throws(EngineError) -> any KVCursor {
    try base.openSST(path)
  }

  package func boundsOfSST(_ path: String) throws(EngineError) -> SSTBounds {
    try base.boundsOfSST(path)
  }

  package func ingest(_ files: [SSTFile], move: Bool) throws(EngineError) {
    try base.ingest(files, move: move)
  }

  package func deleteFilesInRange(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) {
    try base.deleteFilesInRange(family, from: from, to: to)
  }

  package func approximateSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) -> UInt64 {
    try base.approximateSize(family, from: from, to: to)
  }

  package func unflushedSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8], limit: UInt64
  ) throws(EngineError) -> RangeSize {
    try base.unflushedSize(family, from: from, to: to, limit: limit)
  }

  package func compact(
    _ family: ColumnFamily, from: [UInt8]?, to: [UInt8]?
  ) throws(EngineError) {
    try base.compact(family, from: from, to: to)
  }

  package func checkpoint(to path: String) throws(EngineError) { try base.checkpoint(to: path) }
  package func usedBytes() throws(EngineError) -> UInt64 { try base.usedBytes() }

  package func property(_ name: String, _ family: ColumnFamily) -> UInt64? {
    base.property(name, family)
  }

  package func close() throws(EngineError) { try base.close() }
}
