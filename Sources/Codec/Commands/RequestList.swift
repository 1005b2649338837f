import Protobuf

/// Changes in the form in which a log entry carries them, without the header: the
/// `requests` fields of a `raft_cmdpb.RaftCmdRequest`.
///
/// Whoever receives a client's command encodes it once, on its own thread; putting many lists
/// into one entry is then a matter of copying bytes.
package struct RequestList: Sendable, Hashable {
  package private(set) var bytes: [UInt8]
  package private(set) var count: Int

  package init() {
    bytes = []
    count = 0
  }

  /// Capacity for changes of `byteCount` bytes in all.
  package init(capacity byteCount: Int) {
    self.init()
    bytes.reserveCapacity(byteCount)
  }

  package init(_ mutations: [Mutation]) {
    self.init()
    for mutation in mutations { append(mutation) }
  }

  package var isEmpty: Bool { count == 0 }

  /// Removes all requests; by default memory is kept for the next ones.
  package mutating func removeAll(keepingCapacity: Bool = true) {
    bytes.removeAll(keepingCapacity: keepingCapacity)
    count = 0
  }

  /// Adds the other list's changes after this one's.
  package mutating func append(_ other: RequestList) {
    bytes.append(contentsOf: other.bytes)
    count += other.count
  }

  package mutating func append(_ mutation: Mutation) {
    switch mutation {
    case .put(let cf, let key, let value): put(cf, key, value)
    case .delete(let cf, let key): delete(cf, key)
    case .deleteRange(let cf, let start, let end, let notifyOnly):
      deleteRange(cf, from: start, to: end, notifyOnly: notifyOnly)
    }
  }

  package mutating func put(_ cf: DataCF, _ key: [UInt8], _ value: [UInt8]) {
    put(cf, key.span.bytes, value.span.bytes)
  }

  package mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) {
    let size = Self.familySize(cf) + Self.size(key) + Self.size(value)
    write(.put, field: 4, size: size) { writer in
      Self.writeFamily(cf, to: &writer)
      writer.bytes(2, key)
      writer.bytes(3, value)
    }
  }

  package mutating func delete(_ cf: DataCF, _ key: [UInt8]) {
    delete(cf, key.span.bytes)
  }

  package mutating func delete(_ cf: DataCF, _ key: RawSpan) {
    write(.delete, field: 5, size: Self.familySize(cf) + Self.size(key)) { writer in
      Self.writeFamily(cf, to: &writer)
      writer.bytes(2, key)
    }
  }

  package mutating func deleteRange(
    _ cf: DataCF, from start: [UInt8], to end: [UInt8], notifyOnly: Bool = false
  ) {
    deleteRange(cf, from: start.span.bytes, to: end.span.bytes, notifyOnly: notifyOnly)
  }

  package mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool = false
  ) {
    let size =
      Self.familySize(cf) + Self.size(start) + Self.size(end) + ProtoSize.bool(notifyOnly)
    write(.deleteRange, field: 8, size: size) { writer in
      Self.writeFamily(cf, to: &writer)
      writer.bytes(2, start)
      writer.bytes(3, end)
      writer.bool(4, notifyOnly)
    }
  }

  // MARK: Writing

  /// One `requests` field whose body of `size` bytes `body` writes.
  @inline(__always)
  private mutating func write(
    _ number: RequestNumber, field: UInt8, size: Int, _ body: (inout ProtoWriter) -> Void
  ) {
    let inner = 2 + ProtoSize.body(size)
    ProtoWriter.append(ProtoSize.body(inner), to: &bytes) { writer in
      writer.header(2, inner)
      writer.uint32(1, number.rawValue)
      writer.header(field, size)
      body(&writer)
    }
    count += 1
  }

  private static func size(_ span: RawSpan) -> Int {
    span.byteCount == 0 ? 0 : ProtoSize.body(span.byteCount)
  }

  /// The default family goes without a name, as TiKV has it.
  private static func familySize(_ cf: DataCF) -> Int {
    switch cf {
    case .default: 0
    case .lock: ProtoSize.body(4)
    case .write: ProtoSize.body(5)
    }
  }

  private static func writeFamily(_ cf: DataCF, to writer: inout ProtoWriter) {
    if cf != .default { writer.string(1, cf.name) }
  }
}
