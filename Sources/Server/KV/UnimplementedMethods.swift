import NIOCore
import RPC
import SwiftProtobuf
import Wire

/// Known unary methods of `tikvpb.Tikv` that are not served.
///
/// The status UNIMPLEMENTED makes client-go retry on all replicas for 20 to 40 s. A response with an error text
/// in its field makes all clients fail at once. A response without such a field gets `raft_entry_too_large`,
/// the region error that no client retries.
enum UnimplementedMethods {
  private static var text: String { UnimplementedCommand.text }

  /// Adds the methods to the router.
  static func register(on router: inout MethodRouter) {
    respond("KvImport", UnimplementedCommand.importing, on: &router)
    respond("KvGC", UnimplementedCommand.collection, on: &router)
    respond("RawCoprocessor", UnimplementedCommand.rawCoprocessor, on: &router)
    respond("Coprocessor", UnimplementedCommand.coprocessor, on: &router)
    // A hint, which is not needed.
    respond("BroadcastTxnStatus", Kvrpcpb_BroadcastTxnStatusResponse(), on: &router)
  }

  /// Adds the methods that only a store in a cluster serves.
  static func registerClustered(on router: inout MethodRouter) {
    // Stale reads at a timestamp are not served: 0 means that none is safe.
    respond("GetStoreSafeTS", Kvrpcpb_StoreSafeTSResponse(), on: &router)
    respond(
      "ReadIndex",
      Kvrpcpb_ReadIndexResponse.with {
        $0.regionError.message = text
        $0.regionError.raftEntryTooLarge = Errorpb_RaftEntryTooLarge()
      }, on: &router)
    respond(
      "SplitRegion",
      Kvrpcpb_SplitRegionResponse.with {
        $0.regionError.message = text
        $0.regionError.raftEntryTooLarge = Errorpb_RaftEntryTooLarge()
      }, on: &router)
  }

  private static func respond(
    _ name: String, _ response: any Message & Sendable, on router: inout MethodRouter
  ) {
    router.unary("/tikvpb.Tikv/\(name)") { _, call in call.reply(message: response) }
  }
}
