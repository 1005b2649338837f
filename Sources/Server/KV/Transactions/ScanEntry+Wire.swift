import Codec
import Transaction
import Wire

extension ScanEntry {
  /// A pair of a response: the value or the lock.
  ///
  /// - Parameter needsCommitTS: whether it contains the commit timestamp.
  func wire(needsCommitTS: Bool = false) -> Kvrpcpb_KvPair {
    var pair = Kvrpcpb_KvPair()
    pair.key = key.data
    switch self {
    case .pair(_, let found):
      pair.value = found.value.data
      if needsCommitTS, let commitTS = found.commitTS { pair.commitTs = commitTS.value }
    case .locked(let info): pair.error.locked = info.wire
    }
    return pair
  }
}

extension ReadOptions {
  /// How a request reads.
  init(
    _ context: Kvrpcpb_Context, at version: UInt64, needsCommitTS: Bool = false
  ) throws(TransactionError) {
    guard let isolation = IsolationLevel(rawValue: context.isolationLevel.rawValue) else {
      throw .invalidRequest("unknown isolation level \(context.isolationLevel.rawValue)")
    }
    self.init(
      at: Timestamp(version), isolation: isolation,
      resolved: Set(context.resolvedLocks.lazy.map(Timestamp.init)),
      committed: Set(context.committedLocks.lazy.map(Timestamp.init)),
      needsCommitTS: needsCommitTS, isReplicaRead: context.replicaRead,
      isStale: context.staleRead)
  }
}
