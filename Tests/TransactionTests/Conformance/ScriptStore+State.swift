import Codec
import Engine
import Transaction

/// Commands that look at what is stored, or change it without rules.
extension ScriptStore {
  func inspect(_ arguments: ScriptArguments) throws -> ScriptResult? {
    switch arguments.command {
    case "lock?": return try lock(arguments)
    case "write?": return try record(arguments)
    case "writes?":
      return .list(
        try MvccGetByKey(arguments.key).execute(snapshot()).records.map {
          Self.text($0.commitTS, $0.record)
        })
    case "default?":
      return .list(
        try MvccGetByKey(arguments.key).execute(snapshot()).values.map {
          "\($0.startTS)=\(ScriptValue.value($0.value))"
        })
    case "locks?":
      return .list(
        try MVCCReader(snapshot()).locks(in: .all, limit: .max) { _ in true }.map {
          "\(ScriptValue.text($0.key.user))@\($0.lock.startTS)"
        })
    case "maxts" where arguments.step.words.isEmpty:
      return ScriptResult("\(concurrency.maxTS)")
    default: return nil
    }
  }

  private func lock(_ arguments: ScriptArguments) throws -> ScriptResult {
    guard let lock = try MVCCReader(snapshot()).lock(MVCCKey(arguments.key)) else {
      return ScriptResult("none")
    }
    func joined(_ words: [String]) -> String {
      words.isEmpty ? "-" : words.joined(separator: ",")
    }
    return ScriptResult(
      ScriptValue.kind(lock.kind), [],
      [
        "start": "\(lock.startTS)", "pk": ScriptValue.text(lock.primary), "ttl": "\(lock.ttl)",
        "for": "\(lock.forUpdateTS)", "size": "\(lock.txnSize)", "min": "\(lock.minCommitTS)",
        "async": lock.usesAsyncCommit ? "1" : "0",
        "sec": joined(lock.secondaries.map { ScriptValue.text($0) }),
        "rb": joined(lock.rollbackTS.map { "\($0)" }),
        "last": ScriptValue.lastChange(lock.lastChange),
        "force": lock.isLockedWithConflict ? "1" : "0", "gen": "\(lock.generation)",
        "src": "\(lock.txnSource)",
      ])
  }

  private func record(_ arguments: ScriptArguments) throws -> ScriptResult {
    let found = try MVCCReader(snapshot()).record(MVCCKey(arguments.key), at: arguments.at)
    guard let found, found.commitTS == arguments.at else { return ScriptResult("none") }
    let record = found.record
    return ScriptResult(
      ScriptValue.kind(record.kind), [],
      [
        "start": "\(record.startTS)", "overlapped": record.hasOverlappedRollback ? "1" : "0",
        "fence": record.gcFence.map { "\($0)" } ?? "-",
        "last": ScriptValue.lastChange(record.lastChange),
        "protected": record.isProtectedRollback ? "1" : "0", "src": "\(record.txnSource)",
      ])
  }

  private static func text(_ commitTS: Timestamp, _ record: WriteRecord) -> String {
    var text = "\(commitTS):\(ScriptValue.kind(record.kind))@\(record.startTS)"
    if record.isProtectedRollback { text += "!" }
    if record.hasOverlappedRollback { text += "^" }
    if let fence = record.gcFence { text += "~\(fence)" }
    return text
  }

  func poke(_ arguments: ScriptArguments) throws -> ScriptResult? {
    let key = MVCCKey(arguments.key)
    switch arguments.command {
    case "maxts":
      resetMaxTS(to: ScriptValue.timestamp(arguments.step.words[0]) ?? .zero)
    case "putwrite":
      try put(.write, key.version(arguments.at), makeRecord(arguments).encoded())
    case "dropwrite": try put(.write, key.version(arguments.at), nil)
    case "putlock": try put(.lock, key.encoded, makeLock(arguments).encoded())
    case "memlock":
      var lock = Lock(
        kind(arguments), primary: primary(arguments), startTS: arguments.timestamp("start"),
        minCommitTS: arguments.timestamp("min"))
      lock.usesOnePhaseCommit = arguments.has("1pc")
      lock.usesAsyncCommit = !arguments.has("1pc")
      setMemoryLock(key.user, lock)
    case "memunlock": setMemoryLock(key.user, nil)
    default: return nil
    }
    return .ok
  }

  private func primary(_ arguments: ScriptArguments) -> [UInt8] {
    arguments.step.fields["pk"].map { Array($0.utf8) } ?? arguments.key
  }

  private func kind(_ arguments: ScriptArguments) -> Lock.Kind {
    let name = arguments.step.fields["type"] ?? "put"
    return Lock.Kind.allCases.first { ScriptValue.kind($0) == name } ?? .put
  }

  private func makeLock(_ arguments: ScriptArguments) -> Lock {
    var lock = Lock(
      kind(arguments), primary: primary(arguments), startTS: arguments.timestamp("start"),
      ttl: arguments.number("ttl"),
      shortValue: arguments.step.fields["value"].map { ScriptValue.bytes($0) },
      forUpdateTS: arguments.timestamp("for"), txnSize: arguments.number("size"),
      minCommitTS: arguments.timestamp("min"))
    lock.lastChange = arguments.lastChange()
    return lock
  }

  private func makeRecord(_ arguments: ScriptArguments) -> WriteRecord {
    let fields = arguments.step.fields
    let name = fields["type"] ?? "put"
    return WriteRecord(
      WriteRecord.Kind.allCases.first { ScriptValue.kind($0) == name } ?? .put,
      startTS: arguments.timestamp("start"),
      shortValue: fields["value"].map { ScriptValue.bytes($0) },
      hasOverlappedRollback: arguments.has("overlapped"),
      gcFence: fields["fence"].flatMap { ScriptValue.timestamp($0) },
      lastChange: arguments.lastChange())
  }
}
