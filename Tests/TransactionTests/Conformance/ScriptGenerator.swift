import Runtime

/// Random scripts: a few keys and transactions, so that they meet.
struct ScriptGenerator {
  private var random: SplitMix64
  private let keys = ["a", "ab", "b", "c"]
  /// Whether timestamps have a physical part, so that locks expire.
  private var isTimed = false

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
  }

  private mutating func pick<T>(_ values: [T]) -> T {
    values[Int.random(in: 0..<values.count, using: &random)]
  }

  private mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &random) < percent
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  private mutating func timestamp() -> String {
    isTimed ? "\(number(1...9)).\(number(0...2))" : "\(number(1...30))"
  }

  /// Above a timestamp by little; sometimes anywhere, unless it is `strictly` above.
  private mutating func timestamp(above other: String, strictly: Bool = false) -> String {
    if !strictly, chance(8) { return timestamp() }
    guard isTimed else { return "\((Int(other) ?? 0) + number(1...6))" }
    let parts = other.split(separator: ".").compactMap { Int($0) }
    let (physical, logical) = (parts.first ?? 0, parts.last ?? 0)
    return chance(50) ? "\(physical).\(logical + number(1...2))" : "\(physical + number(1...3)).0"
  }

  private mutating func key() -> String { pick(keys) }

  private mutating func some(_ count: ClosedRange<Int>) -> [String] {
    Array(keys.shuffled(using: &random).prefix(number(count)))
  }

  private mutating func flags(_ flags: [(name: String, percent: Int)]) -> String {
    flags.map { chance($0.percent) ? " \($0.name)" : "" }.joined()
  }

  private mutating func value() -> String {
    chance(10) ? "long\(number(1...9))*60" : "v\(number(1...99))"
  }

  /// A case: commands, and after each that may write what is stored of its keys.
  mutating func script(_ name: String, steps: Int) -> String {
    isTimed = chance(40)
    var lines = ["case \(name)"]
    for _ in 0..<steps {
      let command = self.command()
      lines.append(command)
      let isRead = ["get", "bget", "scan", "rscan", "scanlock"]
        .contains { command.hasPrefix($0 + " ") }
      guard !isRead else { continue }
      for key in keys { lines += ["lock? \(key)", "writes? \(key)", "default? \(key)"] }
      lines.append("maxts")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private mutating func command() -> String {
    switch number(0...99) {
    case 0..<26: prewrite()
    case 26..<42: pessimisticLock()
    case 42..<56: commit()
    case 56..<60: "rollback start=\(timestamp()) : \(some(1...2).joined(separator: " "))"
    case 60..<65:
      "cleanup \(key()) start=\(timestamp())" + (chance(60) ? " now=\(timestamp())" : "")
    case 65..<72: status()
    case 72..<75: "secondary start=\(timestamp()) : \(some(1...3).joined(separator: " "))"
    case 75..<77: "heartbeat \(key()) start=\(timestamp()) ttl=\(number(1...9))"
    case 77..<79: pessimisticRollback()
    case 79..<82: resolve()
    case 82..<84: "gc safe=\(timestamp()) : \(key())"
    case 84..<85: "compact safe=\(timestamp())" + flags([("upper", 50)])
    case 85..<87: flush()
    default: read()
    }
  }

  private mutating func prewrite() -> String {
    let start = timestamp()
    let isPessimistic = chance(45)
    let keys = some(1...3)
    var line = "prewrite start=\(start) pk=\(chance(85) ? keys[0] : key())"
    if isPessimistic { line += " for=\(timestamp(above: start))" }
    if chance(50) { line += " ttl=\(number(0...4))" }
    if chance(20) { line += " min=\(timestamp(above: start))" }
    if chance(15) { line += " max=\(timestamp(above: start))" }
    if chance(35) {
      let others = keys.dropFirst().joined(separator: ",")
      line += others.isEmpty ? " async" : " async=\(others)"
    }
    line += flags([("1pc", 15), ("retry", isPessimistic ? 20 : 5), ("skip", 8)])
    if chance(30) { line += " level=\(pick(["fast", "strict"]))" }
    return line + " : "
      + keys.map { mutation($0, isPessimistic ? "p" : "", isPessimistic) }.joined(separator: " ; ")
  }

  private mutating func mutation(
    _ key: String, _ usual: String, _ isPessimistic: Bool
  ) -> String {
    let operations =
      ["put", "put", "put", "del", "lock", "insert"] + (isPessimistic ? [] : ["cne"])
    let operation = pick(operations)
    var text = operation
    if isPessimistic { text += "/\(chance(70) ? usual : pick(["s", "c"]))" }
    text += " \(key)"
    if operation == "put" || operation == "insert" { text += " \(value())" }
    if chance(20) { text += " assert=\(pick(["exist", "notexist"]))" }
    if isPessimistic, chance(8) { text += " expect=\(timestamp())" }
    return text
  }

  private mutating func flush() -> String {
    "flush start=\(timestamp()) pk=\(key()) gen=\(number(1...3)) : \(mutation(key(), "", false))"
  }

  private mutating func pessimisticLock() -> String {
    let start = timestamp()
    let keys = some(1...2)
    let isForced = chance(30)
    var line = "plock start=\(start) for=\(timestamp(above: start)) pk=\(keys[0])"
    if chance(50) { line += " ttl=\(number(0...4))" }
    if chance(30) { line += " min=\(timestamp(above: start))" }
    line += flags([("values", 35), ("exist", 25), ("onlyif", 10)])
    if isForced { line += " force" }
    let locked = keys.prefix(isForced ? 1 : 2).map { chance(15) ? "!\($0)" : $0 }
    return line + " : " + locked.joined(separator: " ")
  }

  private mutating func commit() -> String {
    let start = timestamp()
    return "commit start=\(start) commit=\(timestamp(above: start)) : "
      + some(1...2).joined(separator: " ")
  }

  private mutating func status() -> String {
    "status \(key()) start=\(timestamp()) caller=\(chance(15) ? "max" : timestamp())"
      + " now=\(pick(["0", "max", timestamp(), timestamp()]))"
      + flags([("rb", 60), ("sync", 25), ("pess", 30), ("noverify", 40)])
  }

  private mutating func pessimisticRollback() -> String {
    let start = timestamp()
    let line = "prollback start=\(start) for=\(timestamp(above: start))"
    return chance(50) ? line : line + " : \(some(1...2).joined(separator: " "))"
  }

  private mutating func resolve() -> String {
    let start = timestamp()
    let commit = chance(50) ? "0" : timestamp(above: start, strictly: true)
    let line = "resolve start=\(start) commit=\(commit)"
    // Of one key: the model keeps what was resolved before an error.
    return line + " : \(key())"
  }

  private mutating func read() -> String {
    let at = "@\(chance(10) ? "max" : timestamp())"
    var options = ""
    if chance(25) { options += " iso=\(pick(["rc", "rcts"]))" }
    if chance(20) { options += " bypass=\(timestamp())" }
    if chance(20) { options += " access=\(timestamp())" }
    switch number(0...9) {
    case 0..<4: return "get \(key()) \(at)\(options)" + flags([("commitTs", 15)])
    case 4: return "bget \(some(1...4).joined(separator: " ")) \(at)\(options)"
    case 5: return "scanlock max=\(timestamp())"
    default:
      var line = chance(50) ? "scan" : "rscan"
      let isReverse = line == "rscan"
      let bounds = [key(), key()].sorted()
      if chance(30) { line += isReverse ? " to=\(bounds[0])" : " from=\(bounds[0])" }
      if chance(30) { line += isReverse ? " from=\(bounds[1])" : " to=\(bounds[1])" }
      if chance(20) { line += " limit=\(number(1...3))" }
      return line + " \(at)\(options)" + flags([("keyonly", 10)])
    }
  }
}
