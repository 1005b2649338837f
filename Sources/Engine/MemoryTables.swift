/// The contents of a memory engine: a table for each family.
struct MemoryTables: Sendable {
  private var tables = ColumnFamily.allCases.map { _ in SortedTable() }

  subscript(family: ColumnFamily) -> SortedTable {
    get { tables[Int(family.rawValue)] }
    _modify { yield &tables[Int(family.rawValue)] }
  }

  var bytes: Int { tables.reduce(into: 0) { $0 += $1.bytes } }

  mutating func apply(_ change: MemoryChange) {
    switch change {
    case .batch(let batch):
      for operation in batch.operations { apply(operation) }
    case .ingested(let family, let pairs):
      for pair in pairs { self[family].set(pair.key, pair.value) }
    case .filesDeleted(let family, let from, let to):
      deleteInside(family, from, to)
    }
  }

  private mutating func apply(_ operation: WriteBatch.Operation) {
    switch operation {
    case .put(let family, let key, let value): self[family].set(key, value)
    case .delete(let family, let key): self[family].remove(key)
    case .deleteRange(let family, let from, let to): self[family].remove(from: from, to: to)
    }
  }

  /// Deletes all pairs of the range but the outermost, as if those shared a file with pairs outside of it.
  private mutating func deleteInside(_ family: ColumnFamily, _ from: [UInt8], _ to: [UInt8]) {
    let table = self[family]
    guard let first = table.position(atOrAfter: from), let last = table.position(before: to),
      let second = table.position(after: first)
    else { return }
    self[family].remove(from: table.key(at: second), to: table.key(at: last))
  }
}

/// A change of a memory engine.
enum MemoryChange: Sendable {
  case batch(WriteBatch)
  case ingested(ColumnFamily, [KeyValue])
  case filesDeleted(ColumnFamily, from: [UInt8], to: [UInt8])

  /// Whether a crash cannot lose it. Ingestion and deletion of files do not use the write-ahead log: they are
  /// durable on return, also where a crash loses batches written before.
  var isDurableImmediately: Bool {
    if case .batch = self { false } else { true }
  }
}
