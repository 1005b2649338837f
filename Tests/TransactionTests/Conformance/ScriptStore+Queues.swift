import Codec
import Transaction

/// Wait queues, the deadlock detector, latches and the resolved timestamp: commands without data.
extension ScriptStore {
  func executeQueue(_ arguments: ScriptArguments) throws -> ScriptResult? {
    try executeWaiting(arguments) ?? executeDetector(arguments) ?? executeLatch(arguments)
      ?? executeResolved(arguments)
  }

  // MARK: Waiting

  private func executeWaiting(_ arguments: ScriptArguments) throws -> ScriptResult? {
    let key = arguments.key
    let startTS = arguments.timestamp("start")
    switch arguments.command {
    case "wait":
      nextToken += 1
      queues.insert(
        LockWaitQueue.Waiter(
          startTS: startTS, mode: arguments.has("force") ? .forceLock : .retry, token: nextToken),
        on: key)
      return .ok
    case "cancelwait":
      for waiter in queues.waiters(key) where waiter.startTS == startTS {
        _ = queues.remove(token: waiter.token, on: key)
      }
      return .ok
    case "release": return release(key, startTS, arguments.timestamp("commit"))
    case "delay-fires":
      let words = queues.delayPassed(on: key).waiters.map {
        "\($0.mode == .forceLock ? "resume" : "conflict"):\($0.startTS)"
      }
      return words.isEmpty ? ScriptResult("none") : .list(words)
    case "queue?": return .list(queues.waiters(key).map { "\($0.startTS)" })
    default: return nil
    }
  }

  private func release(
    _ key: [UInt8], _ startTS: Timestamp, _ commitTS: Timestamp
  ) -> ScriptResult {
    let release = LockWaitQueue.Release(startTS: startTS, commitTS: commitTS)
    guard let (waiter, delay) = queues.release(release, on: key) else {
      return ScriptResult("none")
    }
    guard waiter.mode == .retry else {
      return ScriptResult("resume", [], ["start": "\(waiter.startTS)"])
    }
    var result = ScriptResult(
      "conflict", [],
      ["start": "\(waiter.startTS)", "cstart": "\(startTS)", "ccommit": "\(commitTS)"])
    switch delay {
    case .none: break
    case .armed: result.fields.append(("delayed", "armed"))
    case .extended: result.fields.append(("delayed", "extended"))
    }
    return result
  }

  // MARK: Deadlocks

  private func executeDetector(_ arguments: ScriptArguments) throws -> ScriptResult? {
    let words = arguments.step.positional.compactMap { ScriptValue.timestamp($0) }
    switch arguments.command {
    case "now": now = words[0].value
    case "detect":
      let edge = WaitEdge(
        transaction: words[0], holder: words[1], keyHash: arguments.number("hash"),
        key: arguments.bytes("key"))
      guard let deadlock = detector.detect(edge, now: now) else { return .ok }
      let chain = deadlock.chain.map { "\($0.transaction)>\($0.holder)" }
      return ScriptResult(
        "deadlock", [],
        ["hash": "\(deadlock.keyHash)", "chain": chain.joined(separator: ",")])
    case "cleanwait":
      detector.removeWait(words[0], for: words[1], keyHash: arguments.number("hash"))
    case "cleantxn": detector.removeTransaction(words[0])
    case "becomeleader": detector.reset()
    case "edges?":
      var counts: [[Timestamp]: Int] = [:]
      for edge in detector.edges { counts[[edge.transaction, edge.holder], default: 0] += 1 }
      let sorted = counts.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }
      return .list(sorted.map { "\($0.key[0])>\($0.key[1]):\($0.value)" })
    default: return nil
    }
    return .ok
  }

  // MARK: Latches

  private func executeLatch(_ arguments: ScriptArguments) throws -> ScriptResult? {
    guard let name = arguments.step.positional.first else { return nil }
    switch arguments.command {
    case "latch":
      var entry = latchRequests[name] ?? (id(name), Latches.Request(hashes(arguments)))
      if !arguments.step.tail.isEmpty, entry.request.held == 0 {
        entry.request = Latches.Request(hashes(arguments))
      }
      let owns = latches.acquire(&entry.request, for: entry.id)
      latchRequests[name] = entry
      return ScriptResult(owns ? "owned" : "waits")
    case "unlatch":
      guard let entry = latchRequests.removeValue(forKey: name) else { return nil }
      let keep = arguments.step.fields["keep"]
      let (woken, kept) = latches.release(
        entry.request, of: entry.id,
        keeping: keep.map { (Latches.Request(hashes(arguments)), id($0)) })
      if let keep, let kept { latchRequests[keep] = (id(keep), kept) }
      let names = woken.map { id in
        String(decoding: withUnsafeBytes(of: id.bigEndian) { $0.filter { $0 != 0 } }, as: UTF8.self)
      }
      return ScriptResult("wakes", names.isEmpty ? ["none"] : names)
    default: return nil
    }
  }

  /// In key order, as scripts expect it.
  private func hashes(_ arguments: ScriptArguments) -> [UInt64] {
    arguments.step.tailWords.map { id($0) }
  }

  /// The first eight bytes, so that the order stays.
  private func id(_ name: String) -> UInt64 {
    (Array(name.utf8) + [UInt8](repeating: 0, count: 8)).bigEndian(at: 0)
  }

  // MARK: Resolved timestamp

  private func executeResolved(_ arguments: ScriptArguments) throws -> ScriptResult? {
    switch arguments.command {
    case "track": resolved.track(arguments.key, startTS: arguments.timestamp("start"))
    case "untrack": resolved.untrack(arguments.key)
    case "advance": return ScriptResult("\(resolved.advance(to: arguments.timestamp("min")))")
    default: return nil
    }
    return .ok
  }
}
