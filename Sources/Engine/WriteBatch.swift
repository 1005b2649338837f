/// Changes that an engine applies together, as a value: kinds, families and lengths beside one
/// arena that holds the bytes of all keys and values.
package struct WriteBatch: Sendable {
  /// What a record does.
  enum Kind: UInt8 {
    case put, delete, deleteRange
  }

  /// One change; its bytes are `first` then `second` at `offset` of the arena: key and value,
  /// the key alone, or both ends of a range.
  struct Record {
    var offset: Int
    var first: UInt32
    var second: UInt32
    var kind: Kind
    var family: ColumnFamily
  }

  /// A place in a batch to go back to.
  package struct Mark: Sendable {
    fileprivate var records: Int
    fileprivate var bytes: Int
  }

  private(set) var records: [Record] = []
  private(set) var arena: [UInt8] = []

  package init() {}

  /// Capacity for that much before memory is asked for again.
  package init(capacity: Int, bytes: Int) {
    records.reserveCapacity(capacity)
    arena.reserveCapacity(bytes)
  }

  package var count: Int { records.count }
  package var isEmpty: Bool { records.isEmpty }

  /// About the size of the batch in an engine's log: the bytes and a few more per change.
  package var byteSize: Int { arena.count + records.count * 12 }

  /// Removes all changes; by default memory is kept for the next ones.
  package mutating func removeAll(keepingCapacity: Bool = true) {
    records.removeAll(keepingCapacity: keepingCapacity)
    arena.removeAll(keepingCapacity: keepingCapacity)
  }

  // MARK: Adding

  package mutating func put(_ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]) {
    note(.put, family, key.count, value.count)
    arena.append(contentsOf: key)
    arena.append(contentsOf: value)
  }

  package mutating func put(_ family: ColumnFamily, _ key: RawSpan, _ value: RawSpan) {
    note(.put, family, key.byteCount, value.byteCount)
    append(key)
    append(value)
  }

  package mutating func put(_ family: ColumnFamily, _ key: [UInt8], _ value: RawSpan) {
    note(.put, family, key.count, value.byteCount)
    arena.append(contentsOf: key)
    append(value)
  }

  package mutating func delete(_ family: ColumnFamily, _ key: [UInt8]) {
    note(.delete, family, key.count, 0)
    arena.append(contentsOf: key)
  }

  package mutating func delete(_ family: ColumnFamily, _ key: RawSpan) {
    note(.delete, family, key.byteCount, 0)
    append(key)
  }

  /// Deletes `[from, to)`; an empty or reversed range deletes nothing.
  package mutating func deleteRange(_ family: ColumnFamily, from: [UInt8], to: [UInt8]) {
    note(.deleteRange, family, from.count, to.count)
    arena.append(contentsOf: from)
    arena.append(contentsOf: to)
  }

  package mutating func deleteRange(_ family: ColumnFamily, from: RawSpan, to: RawSpan) {
    note(.deleteRange, family, from.byteCount, to.byteCount)
    append(from)
    append(to)
  }

  /// Adds the other batch's changes after this one's.
  package mutating func append(_ other: WriteBatch) {
    let shift = arena.count
    arena.append(contentsOf: other.arena)
    records.reserveCapacity(records.count + other.records.count)
    for var record in other.records {
      record.offset += shift
      records.append(record)
    }
  }

  private mutating func note(_ kind: Kind, _ family: ColumnFamily, _ first: Int, _ second: Int) {
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

  // MARK: Going back

  /// The present end of the batch.
  package var mark: Mark { Mark(records: records.count, bytes: arena.count) }

  /// Drops every change added since `mark` was taken of this batch.
  package mutating func rollback(to mark: Mark) {
    precondition(
      mark.records <= records.count && mark.bytes <= arena.count, "a mark of another batch")
    records.removeSubrange(mark.records...)
    arena.removeSubrange(mark.bytes...)
  }
}

extension WriteBatch {
  /// One change with its bytes copied out, for reading, comparing and printing.
  package enum Operation: Sendable, Hashable {
    case put(ColumnFamily, key: [UInt8], value: [UInt8])
    case delete(ColumnFamily, key: [UInt8])
    case deleteRange(ColumnFamily, from: [UInt8], to: [UInt8])
  }

  /// The changes in their order.
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

/// Bytes as people read them, cut short after 32.
private func hex(_ bytes: [UInt8]) -> String {
  let shown = bytes.prefix(32).map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }
  return shown.joined() + (bytes.count > 32 ? "…(\(bytes.count) bytes)" : "")
}
