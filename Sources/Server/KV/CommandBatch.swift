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
      try Self.checkFields(bytes)
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

  /// What is repeated in a command is one level further down than the decoder's own check looks.
  private static func checkFields(_ request: ByteBuffer) throws(RPCStatus) {
    guard request.readableBytes > MessageCoding.maxFields else { return }
    var hasTooMany = false
    do throws(FieldScanner.Malformed) {
      var scanner = FieldScanner(request)
      while !hasTooMany, let field = try scanner.next() {
        guard case .bytes(let range) = field.value else { continue }
        let command = scanner.slice(range)
        hasTooMany = FieldScanner.finds(moreThan: MessageCoding.maxFields, in: command)
      }
    } catch {
      throw RPCStatus(.internal, "malformed BatchCommandsRequest")
    }
    guard !hasTooMany else {
      throw RPCStatus(.resourceExhausted, "a command of a batch has too many fields")
    }
  }
}
