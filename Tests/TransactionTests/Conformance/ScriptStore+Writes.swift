import Codec
import Engine
import Transaction

extension ScriptStore {
  func executeWrite(_ arguments: ScriptArguments) throws -> ScriptResult? {
    let startTS = arguments.timestamp("start")
    let commitTS = arguments.timestamp("commit")
    switch arguments.command {
    case "prewrite", "flush": return try prewrite(arguments)
    case "commit":
      let commit = Commit(keys: arguments.tailKeys, startTS: startTS, commitTS: commitTS)
      _ = try apply(commit.execute(snapshot()))
      return ScriptResult("ok", [], ["commit": "\(commitTS)"])
    case "rollback":
      let rollback = BatchRollback(keys: arguments.tailKeys, startTS: startTS)
      _ = try apply(rollback.execute(snapshot()))
    case "cleanup":
      let cleanup = Cleanup(
        key: arguments.key, startTS: startTS, currentTS: arguments.timestamp("now"))
      _ = try apply(cleanup.execute(snapshot(), concurrency))
    case "resolve" where !arguments.step.tail.isEmpty:
      let resolve = ResolveLockLite(
        keys: arguments.tailKeys, startTS: startTS, commitTS: commitTS)
      _ = try apply(resolve.execute(snapshot()))
    case "resolve": try resolve(arguments)
    case "delrange": _ = try apply(DeleteRange(range: arguments.finiteRange).execute())
    case "gc": try collectGarbage(arguments)
    case "compact": try compact(arguments)
    case "flashback": try flashback(arguments)
    default: return nil
    }
    return .ok
  }

  // MARK: Prewrite

  private func prewrite(_ arguments: ScriptArguments) throws -> ScriptResult {
    let fields = arguments.step.fields
    let mutations = arguments.step.tail.split(separator: ";").map { mutation(String($0)) }
    let primary = fields["pk"].map { Array($0.utf8) } ?? mutations.first?.key ?? []
    let startTS = arguments.timestamp("start")
    var request = Prewrite(mutations, primary: primary, startTS: startTS)
    if arguments.command == "flush" {
      request = try .flush(
        mutations, primary: primary, startTS: startTS, generation: arguments.number("gen"))
    } else {
      request.txnSize = arguments.number("size")
      request.minCommitTS = arguments.timestamp("min")
      request.generation = arguments.number("gen")
    }
    request.ttl = arguments.number("ttl")
    request.maxCommitTS = arguments.timestamp("max")
    request.isPessimistic = fields["for"] != nil
    request.forUpdateTS = arguments.timestamp("for")
    request.skipsConstraintCheck = arguments.has("skip")
    request.isRetry = arguments.has("retry") || isKnownCommitted(startTS)
    request.triesOnePhase = arguments.has("1pc")
    request.txnSource = arguments.number("src")
    if let list = fields["async"] {
      request.secondaries = list.split(separator: ",").map { Array($0.utf8) }
    } else if arguments.has("async") {
      request.secondaries = []
    }
    request.assertionLevel =
      switch fields["level"] {
      case "fast": .fast
      case "strict": .strict
      default: .off
      }
    let response = try apply(request.execute(snapshot(), concurrency))
    return ScriptResult(
      "ok", [], ["min": "\(response.minCommitTS)", "onepc": "\(response.onePhaseCommitTS)"])
  }

  /// `OP[/A] K [VALUE] [assert=] [expect=]`
  private func mutation(_ text: String) -> PrewriteMutation {
    let (words, fields) = ScriptStep.split(text.split(separator: " ").map(String.init))
    let operation = (words.first ?? "").split(separator: "/").map(String.init)
    let value = words.count > 2 ? ScriptValue.bytes(words[2]) : []
    let kind: PrewriteMutation.Operation =
      switch operation.first {
      case "del": .delete
      case "lock": .lock
      case "insert": .insert(value)
      case "cne": .checkNotExists
      default: .put(value)
      }
    let action: PrewriteMutation.PessimisticAction =
      switch operation.last {
      case "p": .mustBeLocked
      case "c": .constraintCheck
      default: .skipCheck
      }
    let assertion: Assertion =
      switch fields["assert"] {
      case "exist": .exist
      case "notexist": .notExist
      default: .none
      }
    return PrewriteMutation(
      kind, key: words.count > 1 ? Array(words[1].utf8) : [], assertion: assertion,
      action: action, expectedForUpdateTS: fields["expect"].flatMap { ScriptValue.timestamp($0) })
  }

  // MARK: Ranges

  private func resolve(_ arguments: ScriptArguments) throws {
    var transactions: [Timestamp: Timestamp] = [:]
    if arguments.step.fields["start"] != nil {
      transactions[arguments.timestamp("start")] = arguments.timestamp("commit")
    }
    for (name, value) in arguments.step.fields {
      guard let startTS = ScriptValue.timestamp(name) else { continue }
      transactions[startTS] = ScriptValue.timestamp(value)
    }
    let resolve = ResolveLock(transactions)
    var range = KeyRange.all
    while true {
      let found = try resolve.findLocks(snapshot(), in: range)
      var rest = found[...]
      while !rest.isEmpty {
        rest = rest.dropFirst(try apply(resolve.execute(snapshot(), Array(rest))))
      }
      guard found.count == ResolveLock.batchSize, let last = found.last else { return }
      range.start = last.key.encoded
    }
  }

  private func collectGarbage(_ arguments: ScriptArguments) throws {
    var keys = arguments.tailKeys[...]
    while !keys.isEmpty {
      let collect = CollectGarbage(keys: Array(keys), safePoint: arguments.timestamp("safe"))
      keys = keys.dropFirst(try apply(collect.execute(snapshot())))
    }
  }

  private func compact(_ arguments: ScriptArguments) throws {
    let safePoint = arguments.timestamp("safe")
    var filter = CompactionGarbage(safePoint: safePoint, isBottommost: !arguments.has("upper"))
    for pair in try snapshot().scan(.write) {
      switch filter.decide(pair.key, pair.value.span.bytes) {
      case .keep: continue
      case .drop: break
      case .dropWithValue(let key): try put(.default, key, nil)
      }
      try put(.write, pair.key, nil)
    }
    let keys = try filter.takeDeletedKeys(atEnd: true).map { try MemComparable.decode($0) }
    _ = try apply(CollectGarbage(keys: keys, safePoint: safePoint).execute(snapshot()))
  }

  private func flashback(_ arguments: ScriptArguments) throws {
    let flashback = FlashbackToVersion(
      range: arguments.range, version: arguments.timestamp("version"),
      startTS: arguments.timestamp("start"))
    if arguments.has("locks") {
      let keys = try flashback.findLocks(snapshot())
      _ = try apply(flashback.rollBack(snapshot(), keys))
    } else {
      let commitTS = arguments.timestamp("commit")
      let keys = try flashback.findKeys(
        snapshot(), in: arguments.range, commitTS: commitTS, except: nil)
      _ = try apply(flashback.write(snapshot(), keys, commitTS: commitTS))
    }
  }
}
