import Codec
import Engine
import Transaction

extension ScriptStore {
  func executeRead(_ arguments: ScriptArguments) throws -> ScriptResult? {
    switch arguments.command {
    case "get": return try get(arguments)
    case "bget":
      let read = BatchGet(arguments.keys, options(arguments))
      try read.prepare(concurrency)
      return list(try read.execute(snapshot()), keyOnly: false)
    case "scan": return try scan(arguments, isReverse: false)
    case "rscan": return try scan(arguments, isReverse: true)
    case "scanlock":
      let scan = ScanLock(
        range: arguments.range, maxTS: arguments.timestamp("max"),
        limit: Int(arguments.number("limit")))
      try scan.prepare(concurrency)
      return .list(
        try scan.execute(snapshot()).map { "\(ScriptValue.text($0.key))@\($0.lock.startTS)" })
    default: return nil
    }
  }

  private func options(_ arguments: ScriptArguments) -> ReadOptions {
    let isolation: IsolationLevel =
      switch arguments.step.fields["iso"] {
      case "rc": .readCommitted
      case "rcts": .readCommittedCheck
      default: .snapshot
      }
    return ReadOptions(
      at: arguments.at, isolation: isolation, resolved: arguments.timestamps("bypass"),
      committed: arguments.timestamps("access"), needsCommitTS: arguments.has("commitTs"),
      isStale: arguments.has("stale"))
  }

  private func get(_ arguments: ScriptArguments) throws -> ScriptResult {
    let options = options(arguments)
    let read = Get(arguments.key, options)
    try read.prepare(concurrency)
    guard let found = try read.execute(snapshot()) else { return ScriptResult("none") }
    var result = ScriptResult(ScriptValue.value(found.value))
    if options.needsCommitTS {
      result.fields = [("commit", found.commitTS.map { "\($0)" } ?? "None")]
    }
    return result
  }

  private func scan(_ arguments: ScriptArguments, isReverse: Bool) throws -> ScriptResult {
    var range = arguments.range
    if isReverse {
      range = KeyRange(encodingUserKeys: arguments.bytes("to"), arguments.bytes("from"))
    }
    let limit = arguments.step.fields["limit"].flatMap { Int($0) } ?? .max
    let keyOnly = arguments.has("keyonly")
    let scan = Scan(
      range: range, options(arguments), limit: limit, isReverse: isReverse, keyOnly: keyOnly)
    try scan.prepare(concurrency)
    return list(try scan.execute(snapshot()), keyOnly: keyOnly)
  }

  private func list(_ entries: [ScanEntry], keyOnly: Bool) -> ScriptResult {
    .list(
      entries.map { entry in
        let key = ScriptValue.text(entry.key)
        switch entry {
        case .pair(_, let found):
          return keyOnly ? "\(key)=" : "\(key)=\(ScriptValue.value(found.value))"
        case .locked(let info): return "\(key)!\(info.lock.startTS)"
        }
      })
  }
}
