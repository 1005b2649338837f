import Codec
import Protobuf
import RPC
import Raftstore
import Runtime
import Wire

/// `tikvpb.Tikv/SplitRegion`: splits a region at keys that the client chooses.
///
/// Keys of transactions are encoded here; raw keys are used as they are. TiKV requires a key. Here a request without
/// one splits the region in the middle of its data.
struct SplitRegionMethod: Sendable {
  let router: Router
  let clusterID: UInt64

  /// Keys of one request at most: PD gives ids for no more.
  private static let maxKeys = 4096

  /// Adds the method to the router.
  func register(on methods: inout MethodRouter) {
    let method = self
    methods.unary("/tikvpb.Tikv/SplitRegion") { payload, call in
      do throws(RPCStatus) {
        let request: Kvrpcpb_SplitRegionRequest = try MessageCoding.decode(
          payload, malformed: .internal)
        if let problem = request.context.problem(inCluster: method.clusterID) {
          throw RPCStatus(.invalidArgument, problem)
        }
        method.split(request) { call.reply(message: $0) }
      } catch {
        call.fail(error)
      }
    }
  }

  private func split(
    _ request: Kvrpcpb_SplitRegionRequest,
    _ done: @escaping @Sendable (Kvrpcpb_SplitRegionResponse) -> Void
  ) {
    let keys = Self.keys(of: request)
    guard keys.count <= Self.maxKeys else {
      return done(
        Self.failed(
          .other(message: "\(keys.count) split keys are more than \(Self.maxKeys)")))
    }
    let context: RequestContext
    do throws(CodecError) {
      context = try RequestContext(request.context)
    } catch {
      return done(Self.failed(.other(message: "malformed context: \(error)")))
    }
    // A request that is dropped may have been proposed.
    let completion = Completion<Result<[Region], RegionError>>(
      abandoned: .failure(.staleCommand)
    ) { result in
      switch result {
      case .failure(let error): done(Self.failed(error))
      case .success(let regions): done(Self.response(regions))
      }
    }
    router.split(SplitRequest(context: context, keys: keys, completion: completion))
  }

  /// In the form in which regions have them. Older clients send one key in a field of its own.
  private static func keys(of request: Kvrpcpb_SplitRegionRequest) -> [[UInt8]] {
    var keys = request.splitKeys.map { [UInt8]($0) }
    if keys.isEmpty, !request.splitKey.isEmpty { keys = [[UInt8](request.splitKey)] }
    return request.isRawKv ? keys : keys.map(MemComparable.encode)
  }

  private static func failed(_ error: RegionError) -> Kvrpcpb_SplitRegionResponse {
    .with { $0.regionError = error.wire }
  }

  private static func response(_ regions: [Region]) -> Kvrpcpb_SplitRegionResponse {
    .with {
      $0.regions = regions.map(\.wire)
      guard regions.count == 2 else { return }
      $0.left = regions[0].wire
      $0.right = regions[1].wire
    }
  }
}
