import Codec
import Engine
import Transaction

extension ScriptStore {
  func executeLock(_ arguments: ScriptArguments) throws -> ScriptResult? {
    switch arguments.command {
    case "status": return try status(arguments)
    case "secondary": return try secondary(arguments)
    case "heartbeat":
      let beat = TxnHeartBeat(
        key: arguments.key, startTS: arguments.timestamp("start"), ttl: arguments.number("ttl"),
        minCommitTS: arguments.timestamp("min"))
      let lock = try apply(beat.execute(snapshot()))
      return ScriptResult("ok", [], ["ttl": "\(lock.ttl)", "min": "\(lock.minCommitTS)"])
    case "plock": return try lock(arguments)
    case "prollback":
      try rollBackPessimistic(arguments)
      return .ok
    default: return nil
    }
  }

  private func status(_ arguments: ScriptArguments) throws -> ScriptResult {
    let check = CheckTxnStatus(
      primary: arguments.key, lockTS: arguments.timestamp("start"),
      callerStartTS: arguments.timestamp("caller"), currentTS: arguments.timestamp("now"),
      rollsBackIfMissing: arguments.has("rb"), forcesSyncCommit: arguments.has("sync"),
      resolvesPessimisticLock: arguments.has("pess"), verifiesPrimary: !arguments.has("noverify"))
    switch try apply(check.execute(snapshot(), concurrency)) {
    case .locked(let lock, let isPushed):
      return ScriptResult(
        "locked", [],
        [
          "ttl": "\(lock.ttl)", "min": "\(lock.minCommitTS)", "pushed": isPushed ? "1" : "0",
          "type": ScriptValue.kind(lock.kind),
        ])
    case .committed(let commitTS): return ScriptResult("committed", [], ["ts": "\(commitTS)"])
    case .rolledBack: return ScriptResult("rolledback")
    case .expired: return ScriptResult("expired")
    case .pessimisticLockExpired: return ScriptResult("pess-rolledback")
    case .missingRolledBack: return ScriptResult("missing-rolledback")
    case .missingDoingNothing: return ScriptResult("missing-nothing")
    }
  }

  private func secondary(_ arguments: ScriptArguments) throws -> ScriptResult {
    let check = CheckSecondaryLocks(
      keys: arguments.tailKeys, startTS: arguments.timestamp("start"))
    switch try apply(check.execute(snapshot(), concurrency)) {
    case .locked(let infos):
      return ScriptResult(
        "locked",
        infos.map { info in
          let key = ScriptValue.text(info.key)
          let minimum = info.lock.minCommitTS
          return minimum == .zero ? key : "\(key)@\(minimum)"
        })
    case .committed(let commitTS): return ScriptResult("committed", [], ["ts": "\(commitTS)"])
    case .rolledBack: return ScriptResult("rolledback")
    }
  }

  private func lock(_ arguments: ScriptArguments) throws -> ScriptResult {
    let keys = arguments.step.tailWords.map { word in
      word.hasPrefix("!")
        ? PessimisticLock.Key(Array(word.dropFirst().utf8), mustNotExist: true)
        : PessimisticLock.Key(Array(word.utf8))
    }
    let primary = arguments.step.fields["pk"].map { Array($0.utf8) } ?? keys.first?.key ?? []
    var request = PessimisticLock(
      keys, primary: primary, startTS: arguments.timestamp("start"),
      forUpdateTS: arguments.timestamp("for"))
    request.ttl = arguments.number("ttl")
    request.minCommitTS = arguments.timestamp("min")
    request.returnsValues = arguments.has("values")
    request.checksExistence = arguments.has("exist")
    request.forcesLock = arguments.has("force")
    request.locksOnlyIfExists = arguments.has("onlyif")
    var result = ScriptResult.ok
    for key in try apply(request.execute(snapshot(), concurrency)) {
      switch key {
      case .empty: break
      case .existence(let exists): result.words.append(exists ? "yes" : "no")
      case .value(let value): result.words.append(ScriptValue.value(value))
      case .lockedWithConflict(let value, let conflictTS):
        result.fields = [
          ("conflictTs", "\(conflictTS)"), ("value", ScriptValue.value(value)),
        ]
      }
    }
    return result
  }

  private func rollBackPessimistic(_ arguments: ScriptArguments) throws {
    let startTS = arguments.timestamp("start")
    let forUpdateTS = arguments.timestamp("for")
    var keys = arguments.tailKeys
    if arguments.step.tail.isEmpty {
      keys = try PessimisticRollback.findKeys(
        snapshot(), in: .all, startTS: startTS, forUpdateTS: forUpdateTS
      ).map(\.user)
    }
    let rollback = PessimisticRollback(keys: keys, startTS: startTS, forUpdateTS: forUpdateTS)
    _ = try apply(rollback.execute(snapshot()))
  }
}
