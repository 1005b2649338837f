import Codec
import Transaction
import Wire

extension PessimisticLock {
  /// The command of a request.
  init(_ request: Kvrpcpb_PessimisticLockRequest) throws(TransactionError) {
    var keys: [Key] = []
    keys.reserveCapacity(request.mutations.count)
    for mutation in request.mutations {
      guard mutation.op == .pessimisticLock else {
        throw .invalidRequest("a pessimistic lock with operation \(mutation.op.rawValue)")
      }
      keys.append(
        Key([UInt8](mutation.key), mustNotExist: mutation.assertion == .notExist))
    }
    let forcesLock: Bool
    switch request.wakeUpMode {
    case .wakeUpModeNormal: forcesLock = false
    case .wakeUpModeForceLock: forcesLock = true
    default: throw .invalidRequest("unknown wake-up mode \(request.wakeUpMode.rawValue)")
    }
    self.init(
      keys, primary: [UInt8](request.primaryLock), startTS: Timestamp(request.startVersion),
      forUpdateTS: Timestamp(request.forUpdateTs))
    ttl = request.lockTtl
    minCommitTS = Timestamp(request.minCommitTs)
    returnsValues = request.returnValues
    checksExistence = request.checkExistence
    self.forcesLock = forcesLock
    locksOnlyIfExists = request.lockOnlyIfExists
  }
}

extension Kvrpcpb_PessimisticLockResponse {
  /// The response to a request that has locked its keys, in their order. Clients require lists of this length exactly
  /// where they requested them, and empty ones elsewhere.
  init(_ results: [PessimisticLock.Result], of command: PessimisticLock) {
    self.init()
    if command.forcesLock {
      self.results = results.map(\.wire)
      return
    }
    for result in results {
      switch result {
      case .empty: break
      case .existence(let exists): notFounds.append(!exists)
      case .value(let value), .lockedWithConflict(let value, _):
        values.append((value ?? []).data)
        notFounds.append(value == nil)
      }
    }
  }
}

extension PessimisticLock.Result {
  fileprivate var wire: Kvrpcpb_PessimisticLockKeyResult {
    var wire = Kvrpcpb_PessimisticLockKeyResult()
    switch self {
    case .empty: break
    case .existence(let exists): wire.existence = exists
    case .value(let value):
      wire.existence = value != nil
      wire.value = (value ?? []).data
    case .lockedWithConflict(let value, let conflictTS):
      wire.type = .lockResultLockedWithConflict
      wire.lockedWithConflictTs = conflictTS.value
      wire.existence = value != nil
      wire.value = (value ?? []).data
    }
    return wire
  }
}
