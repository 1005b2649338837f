import Codec
import Transaction
import Wire

extension Kvrpcpb_CheckTxnStatusResponse {
  /// The state of the transaction with this primary key. One and only one of time to live and commit timestamp is set,
  /// or none after a rollback.
  init(_ status: TxnStatus, primary: [UInt8]) {
    self.init()
    switch status {
    case .locked(let lock, let isPushed):
      lockTtl = lock.ttl
      lockInfo = LockInfo(key: primary, lock: lock).wire
      action = isPushed ? .minCommitTspushed : .noAction
    case .committed(let commitTS): commitVersion = commitTS.value
    case .rolledBack: action = .noAction
    case .expired: action = .ttlexpireRollback
    case .pessimisticLockExpired: action = .ttlexpirePessimisticRollback
    case .missingRolledBack: action = .lockNotExistRollback
    case .missingDoingNothing: action = .lockNotExistDoNothing
    }
  }
}

extension Kvrpcpb_CheckSecondaryLocksResponse {
  /// Without locks the transaction is decided: committed at a timestamp, or rolled back if that is zero.
  init(_ status: SecondaryLocksStatus) {
    self.init()
    switch status {
    case .locked(let infos): locks = infos.map(\.wire)
    case .committed(let commitTS): commitTs = commitTS.value
    case .rolledBack: break
    }
  }
}
