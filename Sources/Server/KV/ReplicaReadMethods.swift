import Codec
import Protobuf
import RPC
import Raftstore
import Runtime
import Transaction
import Wire

/// The methods of `tikvpb.Tikv` by which clients prepare reads at replicas: `ReadIndex` and `GetStoreSafeTS`.
struct ReplicaReadMethods: Sendable {
  let router: Router
  let meta: StoreMeta
  /// What the transactions of the store share.
  let concurrency: ConcurrencyControl
  let clusterID: UInt64

  /// Adds the methods to the router.
  func register(on methods: inout MethodRouter) {
    let service = self
    methods.unary("/tikvpb.Tikv/ReadIndex") { payload, call in
      do throws(RPCStatus) {
        let request: Kvrpcpb_ReadIndexRequest = try MessageCoding.decode(
          payload, malformed: .internal)
        if let problem = request.context.problem(inCluster: service.clusterID) {
          throw RPCStatus(.invalidArgument, problem)
        }
        service.readIndex(request) { call.reply(message: $0) }
      } catch {
        call.fail(error)
      }
    }
    methods.unary("/tikvpb.Tikv/GetStoreSafeTS") { payload, call in
      do throws(RPCStatus) {
        let request: Kvrpcpb_StoreSafeTSRequest = try MessageCoding.decode(
          payload, malformed: .internal)
        call.reply(message: service.safeTS(in: KeyRange(request.keyRange)))
      } catch {
        call.fail(error)
      }
    }
  }

  /// An index that is applied here and covers everything acknowledged before the request, for a read at a timestamp. No
  /// transaction can commit below it any more; a lock in memory of one that may is returned.
  private func readIndex(
    _ request: Kvrpcpb_ReadIndexRequest,
    _ done: @escaping @Sendable (Kvrpcpb_ReadIndexResponse) -> Void
  ) {
    var context: RequestContext
    do throws(CodecError) {
      context = try RequestContext(request.context)
    } catch {
      return done(
        .with { $0.regionError = RegionError.other(message: "malformed context: \(error)").wire })
    }
    context.staleRead = false
    // The leader learns at which timestamp the replica reads.
    context.readTS = request.startTs
    do throws(TransactionError) {
      if let lock = try lockInMemory(request) { return done(.with { $0.locked = lock.wire }) }
    } catch {
      return done(.with { $0.regionError = RegionError.other(message: "\(error)").wire })
    }
    let completion = Completion<Result<ReadGrant, RegionError>>(
      abandoned: .failure(.serverIsBusy(reason: "the store is stopping", backoffMs: 0))
    ) { result in
      switch result {
      case .failure(let error): done(.with { $0.regionError = error.wire })
      case .success(let grant): done(.with { $0.readIndex = grant.appliedIndex })
      }
    }
    router.read(ReadRequest(context: context, completion: completion))
  }

  /// Raises `max_ts` to the timestamp of the read, and then looks for a lock that blocks it.
  private func lockInMemory(
    _ request: Kvrpcpb_ReadIndexRequest
  ) throws(TransactionError) -> LockInfo? {
    guard request.startTs > 0 else { return nil }
    let options = ReadOptions(at: Timestamp(request.startTs), isReplicaRead: true)
    for range in request.ranges {
      let keys = KeyRange(
        encodingUserKeys: [UInt8](range.startKey), [UInt8](range.endKey))
      let scan = Scan(range: keys, options, limit: 1)
      do throws(TransactionError) {
        try scan.prepare(concurrency)
      } catch {
        guard case .locked(let locks) = error else { throw error }
        return locks.first
      }
    }
    return nil
  }

  /// The timestamp up to which all replicas here serve stale reads; replicas that serve none are left out. 0: no replica
  /// does.
  private func safeTS(in range: KeyRange) -> Kvrpcpb_StoreSafeTSResponse {
    let safe = meta.table.overlapping(range).compactMap { region in
      meta.delegate(region.id)?.staleReads.safeTS
    }
    return .with { $0.safeTs = safe.filter { $0 > 0 }.min() ?? 0 }
  }
}
