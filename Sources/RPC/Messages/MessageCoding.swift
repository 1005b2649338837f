package import NIOCore
package import SwiftProtobuf

/// Protobuf straight into and out of a `ByteBuffer`, with no copy in between.
package enum MessageCoding {
  /// One allocation. Fails only beyond protobuf's own 2 GiB.
  package static func encode(_ message: some Message) throws(RPCStatus) -> ByteBuffer {
    do {
      let bytes: BufferBytes = try message.serializedBytes(partial: true)
      return bytes.buffer
    } catch {
      throw RPCStatus(.internal, "cannot encode \(type(of: message)): \(error)")
    }
  }

  /// Fields of a message, repetitions counted: an empty one takes two bytes on the wire and a hundred
  /// once decoded.
  package static let maxFields = 1 << 20

  /// A malformed message is the caller's to name: by default `invalidArgument`.
  package static func decode<M: Message>(
    _ buffer: ByteBuffer, as type: M.Type = M.self, malformed: RPCCode = .invalidArgument
  ) throws(RPCStatus) -> M {
    guard !FieldScanner.finds(moreThan: maxFields, in: buffer) else {
      throw RPCStatus(.resourceExhausted, "\(type) has more than \(maxFields) fields")
    }
    do {
      return try M(serializedBytes: buffer.readableBytesSpan, partial: true)
    } catch {
      throw RPCStatus(malformed, "malformed \(type): \(error)")
    }
  }
}
