/// A bound on what a message becomes in memory, checked before it is decoded.
///
/// An element of a list takes two bytes on the wire and hundreds in memory: millions of them in one
/// message would take gigabytes, and seconds of the thread that decodes them. What is counted follows the
/// message's definition: a byte string is one field, whatever its content.
public enum FieldCount {
  /// Fields of one message, with those of the messages in it and the numbers of packed lists. Clients send
  /// a few thousand; a full batch of raft messages with the smallest of entries stays below half of it.
  public static let limit = 1 << 18
  /// Fields of a reply, from a server that its client chose: scans return many pairs.
  public static let replyLimit = 1 << 20
  /// Bytes of all strings of a message: decoding validates their UTF-8, on the event loop.
  public static let textLimit = 1 << 20

  /// As deep as decoders go; what is deeper is for them to refuse.
  private static let maxDepth = 100

  /// Refuses a message of too many fields, or too much text. Costs nothing for messages that are too short
  /// to have them, and nothing for what byte strings hold. A message that is malformed in another way is
  /// for its decoder to refuse.
  public static func check(
    _ bytes: RawSpan, _ shape: MessageShape, limit: Int = limit, textLimit: Int = textLimit
  ) throws(CodecError) {
    // A number of a packed list is one byte at least.
    guard bytes.byteCount > min(limit, textLimit) else { return }
    try bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory)
      var tally = Tally(shape: shape, fieldsLeft: limit, textLeft: textLimit)
      do throws(CodecError) {
        try tally.add(&reader, shape.root, 0)
      } catch {
        if tally.fieldsLeft < 0 || tally.textLeft < 0 { throw error }
      }
    }
  }

  private struct Tally {
    let shape: MessageShape
    var fieldsLeft: Int
    var textLeft: Int

    mutating func add(_ reader: inout ProtoReader, _ node: Int, _ depth: Int) throws(CodecError) {
      while try reader.next() {
        try take(1)
        let kind = shape.kind(of: reader.field, in: node)
        guard kind != MessageShape.plain, reader.isLengthDelimited else {
          try reader.skip()
          continue
        }
        guard let range = try reader.range() else { continue }
        switch kind {
        case MessageShape.text:
          textLeft -= range.count
          if textLeft < 0 { throw CodecError(.unsupported, "more text than a message may have") }
        case MessageShape.numbers: try take(Self.numbers(reader.slice(range)))
        case MessageShape.words: try take(range.count / 4)
        case MessageShape.doubleWords: try take(range.count / 8)
        default:
          guard depth < FieldCount.maxDepth else { continue }
          var nested = reader.reader(of: range)
          try add(&nested, Int(kind - MessageShape.firstNode), depth + 1)
        }
      }
    }

    private mutating func take(_ count: Int) throws(CodecError) {
      fieldsLeft -= count
      if fieldsLeft < 0 {
        throw CodecError(.unsupported, "more fields than a message may have")
      }
    }

    /// How many varints there are.
    private static func numbers(_ bytes: UnsafeRawBufferPointer) -> Int {
      var count = 0
      for byte in bytes where byte < 0x80 { count += 1 }
      return count
    }
  }
}
