/// Something that has happened to a memory engine since it was last made durable.
enum MemoryChange: Sendable {
  case batch(WriteBatch)
  case ingested(ColumnFamily, [KeyValue])
  case filesDeleted(ColumnFamily, from: [UInt8], to: [UInt8])

  /// Ingestion and deletion of files do not go through the log: they are durable at once, even
  /// when batches written before them are lost.
  var isDurableAtOnce: Bool {
    if case .batch = self { false } else { true }
  }
}
