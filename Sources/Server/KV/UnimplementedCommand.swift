import Wire

/// Responses to known commands that are not served. Each has the type of its command and contains an error, so
/// that the caller fails at once and other commands of the stream are not affected.
enum UnimplementedCommand {
  typealias Request = Tikvpb_BatchCommandsRequest.Request.OneOf_Cmd
  typealias Response = Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd

  static let text = "this store does not serve the request"

  /// TiKV's error text of a store without coprocessor plugins.
  private static let noPlugins = "Coprocessor plugin is disabled!"

  /// The response; nil for an unknown command.
  static func response(to request: Request?) -> Response? {
    switch request {
    case .import: .import(importing)
    case .gc: .gc(collection)
    case .coprocessor: .coprocessor(coprocessor)
    case .rawCoprocessor: .rawCoprocessor(rawCoprocessor)
    case .broadcastTxnStatus: .broadcastTxnStatus(Kvrpcpb_BroadcastTxnStatusResponse())
    default: nil
    }
  }

  static var importing: Kvrpcpb_ImportResponse { .with { $0.error = text } }

  /// As in TiKV, garbage is collected by the store itself, up to PD's safe point.
  static var collection: Kvrpcpb_GCResponse { .with { $0.error.abort = text } }

  static var coprocessor: Coprocessor_Response {
    .with { $0.otherError = "this store serves no coprocessor" }
  }

  static var rawCoprocessor: Kvrpcpb_RawCoprocessorResponse { .with { $0.error = noPlugins } }
}
