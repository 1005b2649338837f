import NIOCore
import RPC
import Wire

/// The commands of one `BatchCommands` message. Those of a large message are decoded one by one, as they
/// are begun.
struct CommandBatch {
  typealias Command = Tikvpb_BatchCommandsRequest.Request.OneOf_Cmd

  private enum Content {
    case decoded([Tikvpb_BatchCommandsRequest.Request])
    case encoded(FieldScanner, [Range<Int>])
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
    case .encoded(let scanner, let ranges):
      let bytes = scanner.slice(ranges[index])
      let request: Tikvpb_BatchCommandsRequest.Request = try MessageCoding.decode(
        bytes, malformed: .internal)
      return request.cmd
    }
  }

  private static func scan(_ message: ByteBuffer) throws(RPCStatus) -> ([UInt64], Content) {
    var ids: [UInt64] = []
    var ranges: [Range<Int>] = []
    var scanner = FieldScanner(message)
    do throws(FieldScanner.Malformed) {
      while let field = try scanner.next() {
        switch (field.number, field.value) {
        case (1, .bytes(let range)): ranges.append(range)
        case (2, .varint(let id)): ids.append(id)
        case (2, .bytes(let range)):
          try scanner.numbers(in: range, to: &ids, limit: maxCommands)
        default: break
        }
        guard ranges.count <= maxCommands, ids.count <= maxCommands else { break }
      }
    } catch {
      throw RPCStatus(.internal, "malformed BatchCommandsRequest")
    }
    guard ranges.count <= maxCommands, ids.count <= maxCommands else {
      throw RPCStatus(
        .resourceExhausted, "more than \(maxCommands) commands in one message")
    }
    return (ids, .encoded(scanner, ranges))
  }
}
