package import Protobuf

/// Receives the contents of a log entry, in their order and without copies being made.
///
/// Spans are the entry's own memory and end with the call.
package protocol CommandVisitor {
  /// Comes first. On `false` nothing further of the entry is read.
  mutating func begin(_ header: CommandHeader) -> Bool
  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan)
  mutating func delete(_ cf: DataCF, _ key: RawSpan)
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool)
  mutating func admin(_ command: AdminCommand)
}

/// The payload of a normal log entry: the bytes of a `raft_cmdpb.RaftCmdRequest`, written and read
/// without building the message.
package enum CommandCodec {
  // MARK: Writing

  /// An entry with one header and all changes of `requests`.
  package static func encode(_ header: CommandHeader, _ requests: RequestList) -> [UInt8] {
    var payload: [UInt8] = []
    ProtoWriter.append(size(of: header) + requests.bytes.count, to: &payload) { writer in
      writer.record(1, header)
      writer.raw(requests.bytes)
    }
    return payload
  }

  /// An entry with one header and the changes of several clients, in their order.
  package static func encode(_ header: CommandHeader, _ requests: [RequestList]) -> [UInt8] {
    var count = size(of: header)
    for list in requests { count += list.bytes.count }
    var payload: [UInt8] = []
    ProtoWriter.append(count, to: &payload) { writer in
      writer.record(1, header)
      for list in requests { writer.raw(list.bytes) }
    }
    return payload
  }

  /// An entry that changes the region itself.
  package static func encode(_ header: CommandHeader, _ admin: AdminCommand) -> [UInt8] {
    let body = admin.protoSize
    var payload: [UInt8] = []
    ProtoWriter.append(size(of: header) + ProtoSize.body(body), to: &payload) { writer in
      writer.record(1, header)
      writer.header(3, body)
      admin.write(to: &writer)
    }
    return payload
  }

  /// The bytes of a log entry that carries `command`.
  package static func encode(_ command: Command) -> [UInt8] {
    guard let admin = command.admin else {
      return encode(command.header, RequestList(command.mutations))
    }
    precondition(command.mutations.isEmpty, "an entry is for data or for the region, not both")
    return encode(command.header, admin)
  }

  /// How many bytes a header takes in an entry, to keep entries below a limit.
  package static func size(of header: CommandHeader) -> Int { ProtoSize.record(header) }

  // MARK: Reading

  /// The header alone.
  package static func header(of payload: [UInt8]) throws(CodecError) -> CommandHeader {
    try payload.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
      try scan(ProtoReader(memory)).header
    }
  }

  /// Passes to `visitor` what is in the entry. After an error, whatever was visited before is void.
  package static func visit<Visitor: CommandVisitor>(
    _ payload: [UInt8], _ visitor: inout Visitor
  ) throws(CodecError) {
    try visit(payload.span.bytes, &visitor)
  }

  /// Decodes an entry's bytes straight into calls of `visitor`, without building a `Command`: the
  /// apply path.
  package static func visit<Visitor: CommandVisitor>(
    _ payload: RawSpan, _ visitor: inout Visitor
  ) throws(CodecError) {
    try payload.withUnsafeBytes { (memory) throws(CodecError) in
      let reader = ProtoReader(memory)
      let outline = try scan(reader)
      guard visitor.begin(outline.header) else { return }
      try visitRequests(reader, &visitor)
      if let admin = outline.admin { visitor.admin(admin) }
    }
  }

  /// Passes to `visitor` what is in a list that is not in an entry yet; `begin` is not called.
  package static func visit<Visitor: CommandVisitor>(
    _ requests: RequestList, _ visitor: inout Visitor
  ) throws(CodecError) {
    try requests.bytes.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
      try visitRequests(ProtoReader(memory), &visitor)
    }
  }

  /// The entry as values, for looking at it and for tests.
  package static func decode(_ payload: [UInt8]) throws(CodecError) -> Command {
    var collector = CommandCollector()
    try visit(payload, &collector)
    return collector.command
  }

  /// Everything of an entry but its requests.
  private struct Outline {
    var header: CommandHeader
    var admin: AdminCommand?
  }

  private static func scan(_ start: ProtoReader) throws(CodecError) -> Outline {
    var reader = start
    var header: CommandHeader?
    var admin: AdminCommand?
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&header)
      case 2: try reader.skip()
      case 3:
        guard var nested = try reader.message() else { continue }
        guard admin == nil else {
          throw CodecError(.repeated, "admin request", offset: reader.position)
        }
        admin = try AdminCommand(from: &nested)
      case 4, 5: throw CodecError(.unsupported, "command", offset: reader.position)
      default: try reader.skip()
      }
    }
    guard let header else { throw CodecError(.missing, "command header") }
    return Outline(header: header, admin: admin)
  }

  private static func visitRequests<Visitor: CommandVisitor>(
    _ start: ProtoReader, _ visitor: inout Visitor
  ) throws(CodecError) {
    var reader = start
    while try reader.next() {
      guard reader.field == 2 else {
        try reader.skip()
        continue
      }
      guard var request = try reader.message() else { continue }
      try visitRequest(&request, &visitor)
    }
  }

  private static func visitRequest<Visitor: CommandVisitor>(
    _ reader: inout ProtoReader, _ visitor: inout Visitor
  ) throws(CodecError) {
    let offset = reader.position
    var number: UInt32 = 0
    var body: RequestBody?
    var bodyField: UInt32 = 0
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&number)
      case 4, 5, 8:
        let field = reader.field
        guard var nested = try reader.message() else { continue }
        guard body == nil else { throw CodecError(.repeated, "request body", offset: offset) }
        body = try RequestBody(from: &nested)
        bodyField = field
      default: try reader.skip()
      }
    }
    guard let kind = RequestNumber(rawValue: number) else {
      throw CodecError(.unknownNumber(UInt64(number)), "request type", offset: offset)
    }
    guard let body, bodyField == kind.bodyField else {
      throw CodecError(.missing, "request body", offset: offset)
    }
    let first = reader.slice(body.first).bytes
    switch kind {
    case .put: visitor.put(body.cf, first, reader.slice(body.second).bytes)
    case .delete: visitor.delete(body.cf, first)
    case .deleteRange:
      visitor.deleteRange(
        body.cf, from: first, to: reader.slice(body.second).bytes, notifyOnly: body.notifyOnly)
    }
  }
}

extension RequestNumber {
  /// The field of a request that holds what the number announces.
  fileprivate var bodyField: UInt32 {
    switch self {
    case .put: 4
    case .delete: 5
    case .deleteRange: 8
    }
  }
}

/// Where the parts of a put, delete or delete-range lie; their fields have the same numbers.
private struct RequestBody {
  var cf = DataCF.default
  /// The key, or the start of a range.
  var first = 0..<0
  /// The value, or the end of a range.
  var second = 0..<0
  var notifyOnly = false

  init(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1:
        let offset = reader.position
        guard let name = try reader.range() else { continue }
        cf = try Self.family(reader.slice(name), offset: offset)
      case 2: first = try reader.range() ?? first
      case 3: second = try reader.range() ?? second
      case 4: try reader.read(&notifyOnly)
      default: try reader.skip()
      }
    }
  }

  /// The family of a name, distinguished without making a string.
  private static func family(
    _ name: UnsafeRawBufferPointer, offset: Int
  ) throws(CodecError) -> DataCF {
    switch name.count {
    case 0: return .default
    case 4 where name.elementsEqual("lock".utf8): return .lock
    case 5 where name.elementsEqual("write".utf8): return .write
    case 7 where name.elementsEqual("default".utf8): return .default
    default: throw CodecError(.unsupported, "column family", offset: offset)
    }
  }
}

/// Copies what it visits into values.
private struct CommandCollector: CommandVisitor {
  var command = Command(header: CommandHeader())

  mutating func begin(_ header: CommandHeader) -> Bool {
    command.header = header
    return true
  }

  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) {
    command.mutations.append(.put(cf: cf, key: [UInt8](key), value: [UInt8](value)))
  }

  mutating func delete(_ cf: DataCF, _ key: RawSpan) {
    command.mutations.append(.delete(cf: cf, key: [UInt8](key)))
  }

  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {
    command.mutations.append(
      .deleteRange(cf: cf, start: [UInt8](start), end: [UInt8](end), notifyOnly: notifyOnly))
  }

  mutating func admin(_ admin: AdminCommand) {
    command.admin = admin
  }
}
