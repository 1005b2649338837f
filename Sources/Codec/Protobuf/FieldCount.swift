/// A bound on what a message becomes in memory, checked before it is decoded.
///
/// An element of a list takes two bytes on the wire and hundreds in memory: millions of them in one
/// message would take gigabytes, and seconds of the thread that decodes them.
package enum FieldCount {
  /// Fields of one message, with those of the messages in it. Clients send a few thousand; a full batch
  /// of raft messages with the smallest of entries stays below half of it.
  package static let limit = 1 << 18

  /// Refuses a message of too many fields. Costs nothing for messages that are too short to have them.
  /// One that is malformed in another way is for its decoder to refuse.
  ///
  /// - Parameter depth: how many levels of messages are counted, the outermost being the first. Deeper
  ///   ones, and bytes that a user chose, must be no messages with lists.
  package static func check(_ bytes: RawSpan, depth: Int) throws(CodecError) {
    // The shortest field is two bytes.
    guard bytes.byteCount > 2 * limit else { return }
    try bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory)
      var count = 0
      do throws(CodecError) {
        try add(&reader, depth, &count)
      } catch {
        if count > limit { throw error }
      }
    }
  }

  private static func add(
    _ reader: inout ProtoReader, _ depth: Int, _ count: inout Int
  ) throws(CodecError) {
    while try reader.next() {
      count += 1
      guard count <= limit else {
        throw CodecError(.unsupported, "a message of more than \(limit) fields")
      }
      guard depth > 1, reader.isBlock, var nested = try reader.message() else {
        try reader.skip()
        continue
      }
      let before = count
      do throws(CodecError) {
        try add(&nested, depth - 1, &count)
      } catch {
        // Too many fields already, or bytes that are no message.
        guard count <= limit else { throw error }
        count = before
      }
    }
  }
}
