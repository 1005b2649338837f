package import NIOCore
import Protobuf
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

  /// Decodes a request. One that would become much larger in memory than it is on the wire, or that takes
  /// long to decode, is refused with `resourceExhausted`; see `FieldCount`.
  ///
  /// - Parameter malformed: the code of a message that cannot be decoded.
  package static func decode<M: Message>(
    _ buffer: ByteBuffer, as type: M.Type = M.self, malformed: RPCCode = .invalidArgument
  ) throws(RPCStatus) -> M {
    try decode(buffer, FieldCount.limit, FieldCount.textLimit, malformed)
  }

  /// Decodes a reply: from a server, which a client has chosen, more is taken.
  package static func decode<M: Message>(
    reply buffer: ByteBuffer, as type: M.Type = M.self
  ) throws(RPCStatus) -> M {
    try decode(buffer, FieldCount.replyLimit, .max, .internal)
  }

  private static func decode<M: Message>(
    _ buffer: ByteBuffer, _ limit: Int, _ textLimit: Int, _ malformed: RPCCode
  ) throws(RPCStatus) -> M {
    if buffer.readableBytes > FieldCount.limit {
      do throws(CodecError) {
        try FieldCount.check(
          buffer.readableBytesSpan, MessageShapes.shape(of: M.self), limit: limit,
          textLimit: textLimit)
      } catch {
        throw RPCStatus(.resourceExhausted, "\(M.self): \(error)")
      }
    }
    do {
      return try M(serializedBytes: buffer.readableBytesSpan, partial: true)
    } catch {
      throw RPCStatus(malformed, "malformed \(M.self): \(error)")
    }
  }
}
