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

  /// A malformed message is the caller's to name: by default `invalidArgument`.
  package static func decode<M: Message>(
    _ buffer: ByteBuffer, as type: M.Type = M.self, malformed: RPCCode = .invalidArgument
  ) throws(RPCStatus) -> M {
    do {
      return try M(serializedBytes: buffer.readableBytesSpan, partial: true)
    } catch {
      throw RPCStatus(malformed, "malformed \(type): \(error)")
    }
  }
}
