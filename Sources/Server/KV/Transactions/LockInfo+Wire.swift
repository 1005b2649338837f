import Codec
import Transaction
import Wire

extension Lock.Kind {
  /// Inserts have become puts.
  var wire: Kvrpcpb_Op {
    switch self {
    case .put: .put
    case .delete: .del
    case .lock: .lock
    case .pessimistic: .pessimisticLock
    }
  }
}

extension LockInfo {
  /// With user keys, in the lock as in its primary and secondaries.
  var wire: Kvrpcpb_LockInfo {
    var wire = Kvrpcpb_LockInfo()
    wire.primaryLock = lock.primary.data
    wire.lockVersion = lock.startTS.value
    wire.key = key.data
    wire.lockTtl = lock.ttl
    wire.txnSize = lock.txnSize
    wire.lockType = lock.kind.wire
    wire.lockForUpdateTs = lock.forUpdateTS.value
    wire.useAsyncCommit = lock.usesAsyncCommit
    wire.minCommitTs = lock.minCommitTS.value
    wire.secondaries = lock.secondaries.map(\.data)
    return wire
  }
}
