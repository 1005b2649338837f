import NIOCore
import Protobuf
import RPC
import Wire

/// The commands of one `BatchCommands` message. Those of a large message are decoded one by one, as they
/// are begun.
struct CommandBatch {
  typealias Command = Tikvpb_BatchCommandsRequest.Request.OneOf_Cmd

  private enum Content {
    case decoded([Tikvpb_BatchCommandsRequest.Request])
    /// The whole message, and where in its readable bytes each command is.
    case encoded(ByteBuffer, [Range<Int>])
  }

  /// A message of up to this many bytes is decoded at once.
  private static let smallMessage = 64 << 10
  /// Clients send hundreds.
  private static let maxCommands = 1 << 16

  let ids: [UInt64]
  private let content: Content

  init(_ message: ByteBuffer) throws(RPCStatus) {
    if message.readableBytes <= Self.smallMessage {
      let batch: Tikvpb_BatchCommandsRequest = try MessageCoding.decode(
        message, malformed: .internal)
      ids = batch.requestIds
      content = .decoded(batch.requests)
    } else {
      (ids, content) = try Self.scan(message)
    }
    guard count == ids.count else {
      throw RPCStatus(.invalidArgument, "\(count) requests with \(ids.count) ids")
    }
  }

  var count: Int {
    switch content {
    case .decoded(let requests): requests.count
    case .encoded(_, let ranges): ranges.count
    }
  }

  /// Nil for a command that is empty or unknown.
  func command(_ index: Int) throws(RPCStatus) -> Command? {
    switch content {
    case .decoded(let requests): return requests[index].cmd
    case .encoded(let message, let ranges):
      let range = ranges[index]
      let start = message.readerIndex + range.lowerBound
      let bytes = message.getSlice(at: start, length: range.count) ?? ByteBuffer()
      let request: Tikvpb_BatchCommandsRequest.Request = try MessageCoding.decode(
        bytes, malformed: .internal)
      return request.cmd
    }
  }

  private static func scan(_ message: ByteBuffer) throws(RPCStatus) -> ([UInt64], Content) {
    var ids: [UInt64] = []
    var ranges: [Range<Int>] = []
    do throws(CodecError) {
      try message.readableBytesSpan.withUnsafeBytes { (bytes) throws(CodecError) in
        var reader = ProtoReader(bytes)
        while ranges.count <= maxCommands, ids.count <= maxCommands, try reader.next() {
          switch reader.field {
          case 1: if let range = try reader.range() { ranges.append(range) }
          case 2: try reader.append(to: &ids, limit: maxCommands)
          default: try reader.skip()
          }
        }
      }
    } catch {
      throw RPCStatus(.internal, "malformed BatchCommandsRequest: \(error)")
    }
    guard ranges.count <= maxCommands, ids.count <= maxCommands else {
      throw RPCStatus(
        .resourceExhausted, "more than \(maxCommands) commands in one message")
    }
    return (ids, .encoded(message, ranges))
  }
}
