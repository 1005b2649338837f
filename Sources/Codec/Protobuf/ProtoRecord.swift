/// A plain type with a protobuf form of its own, read and written without generated messages.
package protocol ProtoRecord {
  /// Every field at its default.
  init()

  /// How many bytes `write` adds.
  var protoSize: Int { get }

  func write(to writer: inout ProtoWriter)

  /// Reads the fields to the end of `reader`; those that do not occur stay as they are.
  mutating func merge(from reader: inout ProtoReader) throws(CodecError)
}

extension ProtoRecord {
  /// The protobuf form.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return bytes
  }

  /// Adds the protobuf form to `bytes`.
  package func encode(into bytes: inout [UInt8]) {
    ProtoWriter.append(protoSize, to: &bytes) { write(to: &$0) }
  }

  package init(decoding bytes: [UInt8]) throws(CodecError) {
    try self.init(decoding: bytes.span.bytes)
  }

  package init(decoding bytes: RawSpan) throws(CodecError) {
    self.init()
    var record = self
    try bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory)
      try record.merge(from: &reader)
    }
    self = record
  }
}
