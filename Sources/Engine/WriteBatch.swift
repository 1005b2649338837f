/// Changes that an engine applies atomically. All keys and values are in one array of bytes (the arena), so that a
/// batch costs few allocations.
package struct WriteBatch: Sendable {
  /// The kind of a change.
  enum Kind: UInt8 {
    case put, delete, deleteRange
  }

  /// One change. Its bytes are at `offset` of the arena: `first` bytes and then `second` bytes, which are key and
  /// value, the key and nothing, or the bounds of a range.
  struct Record {
    var offset: Int
    var first: UInt32
    var second: UInt32
    var kind: Kind
    var family: ColumnFamily
  }

  /// An end of a batch to roll back to.
  package struct Mark: Sendable {
    fileprivate var records: Int
    fileprivate var bytes: Int
  }

  private(set) var records: [Record] = []
  private(set) var arena: [UInt8] = []

  package init() {}

  /// A batch with memory reserved for `capacity` changes with `bytes` bytes of keys and values.
  package init(capacity: Int, bytes: Int) {
    records.reserveCapacity(capacity)
    arena.reserveCapacity(bytes)
  }

  /// The number of changes.
  package var count: Int { records.count }
  package var isEmpty: Bool { records.isEmpty }

  /// About the bytes of the batch in the log of an engine: those of keys and values and 12 per change.
  package var byteSize: Int { arena.count + records.count * 12 }

  /// Removes all changes. By default the memory is kept for the next ones.
  package mutating func removeAll(keepingCapacity: Bool = true) {
    records.removeAll(keepingCapacity: keepingCapacity)
    arena.removeAll(keepingCapacity: keepingCapacity)
  }

  // MARK: Adding changes

  /// Stores `value` under `key`. Each less than 4 GiB; otherwise traps.
  package mutating func put(_ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]) {
    record(.put, family, key.count, value.count)
    arena.append(contentsOf: key)
    arena.append(contentsOf: value)
  }

  /// Stores `value` under `key`; copies the bytes.
  package mutating func put(_ family: ColumnFamily, _ key: RawSpan, _ value: RawSpan) {
    record(.put, family, key.byteCount, value.byteCount)
    append(key)
    append(value)
  }

  /// Stores `value` under `key`; copies the bytes.
  package mutating func put(_ family: ColumnFamily, _ key: [UInt8], _ value: RawSpan) {
    record(.put, family, key.count, value.byteCount)
    arena.append(contentsOf: key)
    append(value)
  }

  /// Deletes the value under `key`. Without effect if there is none.
  package mutating func delete(_ family: ColumnFamily, _ key: [UInt8]) {
    record(.delete, family, key.count, 0)
    arena.append(contentsOf: key)
  }

  /// Deletes the value under `key`; copies the bytes.
  package mutating func delete(_ family: ColumnFamily, _ key: RawSpan) {
    record(.delete, family, key.byteCount, 0)
    append(key)
  }

  /// Deletes `[from, to)`; an empty or reversed range deletes nothing.
  package mutating func deleteRange(_ family: ColumnFamily, from: [UInt8], to: [UInt8]) {
    record(.deleteRange, family, from.count, to.count)
    arena.append(contentsOf: from)
    arena.append(contentsOf: to)
  }

  /// Deletes `[from, to)`; copies the bytes.
  package mutating func deleteRange(_ family: ColumnFamily, from: RawSpan, to: RawSpan) {
    record(.deleteRange, family, from.byteCount, to.byteCount)
    append(from)
    append(to)
  }

  /// Adds the changes of `other` after those of this batch.
  package mutating func append(_ other: WriteBatch) {
    let shift = arena.count
    arena.append(contentsOf: other.arena)
    records.reserveCapacity(records.count + other.records.count)
    for var record in other.records {
      record.offset += shift
      records.append(record)
    }
  }

  private mutating func record(_ kind: Kind, _ family: ColumnFamily, _ first: Int, _ second: Int) {
    precondition(
      first <= UInt32.max && second <= UInt32.max, "a key or value of 4 GiB reached a batch")
    records.append(
      Record(
        offset: arena.count, first: UInt32(first), second: UInt32(second), kind: kind,
        family: family))
  }

  private mutating func append(_ span: RawSpan) {
    span.withUnsafeBytes { arena.append(contentsOf: $0) }
  }

  // MARK: Rolling back

  /// The present end of the batch.
  package var mark: Mark { Mark(records: records.count, bytes: arena.count) }

  /// Removes the changes added since `mark` was taken of this batch.
  package mutating func rollback(to mark: Mark) {
    precondition(
      mark.records <= records.count && mark.bytes <= arena.count, "a mark of another batch")
    records.removeSubrange(mark.records...)
    arena.removeSubrange(mark.bytes...)
  }
}

extension WriteBatch {
  /// One change with copies of its bytes, for inspection and comparison.
  package enum Operation: Sendable, Hashable {
    case put(ColumnFamily, key: [UInt8], value: [UInt8])
    case delete(ColumnFamily, key: [UInt8])
    case deleteRange(ColumnFamily, from: [UInt8], to: [UInt8])
  }

  /// The changes in order.
  package var operations: some Sequence<Operation> {
    records.lazy.map { record in
      let split = record.offset + Int(record.first)
      let first = Array(arena[record.offset..<split])
      let second = Array(arena[split..<split + Int(record.second)])
      return switch record.kind {
      case .put: .put(record.family, key: first, value: second)
      case .delete: .delete(record.family, key: first)
      case .deleteRange: .deleteRange(record.family, from: first, to: second)
      }
    }
  }
}

extension WriteBatch: Hashable {
  package static func == (a: WriteBatch, b: WriteBatch) -> Bool {
    a.arena == b.arena && a.operations.elementsEqual(b.operations)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    hasher.combine(arena)
  }
}

extension WriteBatch: CustomStringConvertible {
  package var description: String {
    let lines = operations.map { operation in
      switch operation {
      case .put(let family, let key, let value): "put \(family) \(hex(key)) = \(hex(value))"
      case .delete(let family, let key): "delete \(family) \(hex(key))"
      case .deleteRange(let family, let from, let to):
        "delete \(family) [\(hex(from)), \(hex(to)))"
      }
    }
    return "[\(lines.joined(separator: "; "))]"
  }
}

/// The first 32 bytes in hexadecimal.
private func hex(_ bytes: [UInt8]) -> String {
  let shown = bytes.prefix(32).map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }
  return shown.joined() + (bytes.count > 32 ? "…(\(bytes.count) bytes)" : "")
}
