import Wire

/// Responses to known commands that are not served. Each has the type of its command and contains an error, so
/// that the caller fails at once and other commands of the stream are not affected.
enum UnimplementedCommand {
  typealias Request = Tikvpb_BatchCommandsRequest.Request.OneOf_Cmd
  typealias Response = Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd

  private static let text = "this store does not serve transactions or coprocessors"

  /// TiKV's error text of a store without coprocessor plugins.
  private static let noPlugins = "Coprocessor plugin is disabled!"

  /// The response; nil for an unknown command.
  static func response(to request: Request?) -> Response? {
    switch request {
    case .get: .get(.with { $0.error = keyError })
    case .scan:
      .scan(
        .with {
          $0.error = keyError
          $0.pairs = refusedPairs
        })
    case .batchGet: .batchGet(.with { $0.pairs = refusedPairs })
    case .bufferBatchGet:
      .bufferBatchGet(
        .with {
          $0.error = keyError
          $0.pairs = refusedPairs
        })
    case .prewrite: .prewrite(.with { $0.errors = [keyError] })
    case .commit: .commit(.with { $0.error = keyError })
    case .import: .import(.with { $0.error = text })
    case .cleanup: .cleanup(.with { $0.error = keyError })
    case .batchRollback: .batchRollback(.with { $0.error = keyError })
    case .scanLock: .scanLock(.with { $0.error = keyError })
    case .resolveLock: .resolveLock(.with { $0.error = keyError })
    case .gc: .gc(.with { $0.error = keyError })
    case .deleteRange: .deleteRange(.with { $0.error = text })
    case .pessimisticLock: .pessimisticLock(.with { $0.errors = [keyError] })
    case .pessimisticRollback: .pessimisticRollback(.with { $0.errors = [keyError] })
    case .checkTxnStatus: .checkTxnStatus(.with { $0.error = keyError })
    case .txnHeartBeat: .txnHeartBeat(.with { $0.error = keyError })
    case .checkSecondaryLocks: .checkSecondaryLocks(.with { $0.error = keyError })
    case .coprocessor: .coprocessor(.with { $0.otherError = text })
    case .rawCoprocessor: .rawCoprocessor(.with { $0.error = noPlugins })
    case .flashbackToVersion: .flashbackToVersion(.with { $0.error = text })
    case .prepareFlashbackToVersion: .prepareFlashbackToVersion(.with { $0.error = text })
    case .flush: .flush(.with { $0.errors = [keyError] })
    case .broadcastTxnStatus: .broadcastTxnStatus(Kvrpcpb_BroadcastTxnStatusResponse())
    default: nil
    }
  }

  private static var keyError: Kvrpcpb_KeyError { .with { $0.abort = text } }

  /// For clients that read only the pairs.
  private static var refusedPairs: [Kvrpcpb_KvPair] { [.with { $0.error = keyError }] }
}
