/// A plain type with a protobuf form of its own, read and written without generated messages.
public protocol ProtoRecord {
  /// Every field at its default.
  init()

  /// How many bytes `write` adds.
  var protoSize: Int { get }

  /// Writes the fields in the order of their numbers; those at their default are left out.
  func write(to writer: inout ProtoWriter)

  /// Reads the fields to the end of `reader`; those that do not occur stay as they are.
  mutating func merge(from reader: inout ProtoReader) throws(CodecError)
}

extension ProtoRecord {
  /// The protobuf form.
  @inlinable
  public func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return bytes
  }

  /// Adds the protobuf form to `bytes`.
  @inlinable
  public func encode(into bytes: inout [UInt8]) {
    ProtoWriter.append(protoSize, to: &bytes) { write(to: &$0) }
  }

  /// - Parameter strict: see `ProtoReader`.
  @inlinable
  public init(decoding bytes: [UInt8], strict: Bool = false) throws(CodecError) {
    try self.init(decoding: bytes.span.bytes, strict: strict)
  }

  /// - Parameter strict: see `ProtoReader`.
  @inlinable
  public init(decoding bytes: RawSpan, strict: Bool = false) throws(CodecError) {
    self.init()
    var record = self
    try bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory, strict: strict)
      try record.merge(from: &reader)
    }
    self = record
  }
}
