import Codec
import NIOCore
import RPC
import SwiftProtobuf

/// How messages of clients are decoded: only when what becomes of them is in proportion to their bytes.
enum RequestCoding {
  /// - Parameter depth: how many levels of messages hold lists; see `FieldCount`.
  static func decode<M: Message>(
    _ buffer: ByteBuffer, as type: M.Type = M.self, depth: Int
  ) throws(RPCStatus) -> M {
    do throws(CodecError) {
      try FieldCount.check(buffer.readableBytesSpan, depth: depth)
    } catch {
      throw RPCStatus(.resourceExhausted, "\(type): \(error)")
    }
    return try MessageCoding.decode(buffer, malformed: .internal)
  }
}
