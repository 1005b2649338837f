import Codec
import Transaction

/// What a step returns: a kind, words, and named fields.
struct ScriptResult: CustomStringConvertible {
  var kind: String
  var words: [String] = []
  var fields: [(name: String, value: String)] = []
  /// Whether the step has failed.
  var isError = false

  init(_ kind: String, _ words: [String] = [], _ fields: KeyValuePairs<String, String> = [:]) {
    self.kind = kind
    self.words = words
    self.fields = fields.map { (name: $0.key, value: $0.value) }
  }

  static let ok = ScriptResult("ok")

  /// A list of words, `empty` if there is none.
  static func list(_ words: [String]) -> ScriptResult {
    ScriptResult(words.first ?? "empty", Array(words.dropFirst()))
  }

  static func error(
    _ kind: String, _ fields: KeyValuePairs<String, String> = [:], words: [String] = []
  ) -> ScriptResult {
    var result = ScriptResult(kind, words, fields)
    result.isError = true
    return result
  }

  var description: String {
    ([kind] + words + fields.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
  }

  /// Commands of which the whole line counts.
  private static let listing: Set<String> = [
    "scan", "rscan", "bget", "writes?", "default?", "scanlock", "locks?", "delay-fires", "queue?",
    "edges?", "unlatch",
  ]

  private static let errorKinds: Set<String> = [
    "locked", "conflict", "exists", "committed", "lock-not-found", "commit-expired", "not-found",
    "mismatch", "rolled-back", "pess-lock-not-found", "type-mismatch", "assertion", "other",
    "invalid-tso", "lock-if-exists-failed",
  ]

  /// Whether this is what a step expects. Fields that are not named may be anything.
  func matches(_ expected: String, command: String) -> Bool {
    let parts = expected.split(separator: " ").map(String.init)
    if Self.listing.contains(command), !Self.errorKinds.contains(parts.first ?? "") {
      return description == expected
    }
    if parts == ["error"] { return isError }
    let (words, fields) = ScriptStep.split(parts)
    guard words == [kind] + self.words else { return false }
    return fields.allSatisfy { name, value in
      let found = self.fields.first { $0.name == name }?.value ?? ""
      return Self.canonical(found) == Self.canonical(value)
    }
  }

  /// A timestamp in any of its forms as a decimal number; other texts as they are.
  private static func canonical(_ text: String) -> String {
    ScriptValue.timestamp(text).map { "\($0.value)" } ?? text
  }
}

/// Words of scripts as values, and back.
enum ScriptValue {
  /// Decimal, `physical.logical`, or `max`.
  static func timestamp(_ text: String) -> Timestamp? {
    if text == "max" { return .max }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 2, let physical = UInt64(parts[0]), let logical = UInt64(parts[1]) {
      return Timestamp(physical << Timestamp.logicalBits &+ logical)
    }
    return UInt64(text).map { Timestamp($0) }
  }

  static func bytes(_ text: String) -> [UInt8] {
    if text == "\"\"" || text == "''" { return [] }
    if let star = text.lastIndex(of: "*"), let count = Int(text[text.index(after: star)...]) {
      return Array(String(repeating: String(text[..<star]), count: count).utf8)
    }
    return Array(text.utf8)
  }

  static func text(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }

  /// A value as scripts write it: a long one of equal parts as `part*count`.
  static func value(_ value: [UInt8]?) -> String {
    guard let value else { return "none" }
    if value.isEmpty { return "\"\"" }
    let text = text(value)
    guard value.count > 40 else { return text }
    for unit in 1...8 where value.count % unit == 0 {
      let isRepeated = value.indices.allSatisfy { value[$0] == value[$0 % unit] }
      if isRepeated { return "\(text.prefix(unit))*\(value.count / unit)" }
    }
    return text
  }

  static func kind(_ kind: Lock.Kind) -> String {
    switch kind {
    case .put: "put"
    case .delete: "del"
    case .lock: "lock"
    case .pessimistic: "pess"
    }
  }

  static func kind(_ kind: WriteRecord.Kind) -> String {
    switch kind {
    case .put: "put"
    case .delete: "del"
    case .lock: "lock"
    case .rollback: "rollback"
    }
  }

  static func lastChange(_ change: LastChange) -> String {
    switch change {
    case .unknown: "?"
    case .none: "none"
    case .at(let commitTS, let versions): "\(commitTS)/\(versions)"
    }
  }

  static func lastChange(of text: String) -> LastChange {
    if text == "none" { return .none }
    let parts = text.split(separator: "/")
    guard parts.count == 2, let commitTS = timestamp(String(parts[0])),
      let versions = UInt64(parts[1])
    else { return .unknown }
    return .at(commitTS: commitTS, versions: versions)
  }
}

extension ScriptResult {
  /// An error as scripts write it.
  static func failure(_ error: TransactionError) -> ScriptResult {
    switch error {
    case .locked(let infos): locked(infos)
    case .writeConflict(let conflict): self.conflict(conflict)
    case .alreadyExists(let key, let existing):
      .error("exists", ["key": ScriptValue.text(key), "xstart": "\(existing)"])
    case .committed(let key, let startTS, let commitTS):
      of("committed", key, startTS, ["commit": "\(commitTS)"])
    case .lockNotFound(let key, let startTS, let commitTS):
      of("lock-not-found", key, startTS, ["commit": "\(commitTS)"])
    case .commitTSExpired(let key, let startTS, let commitTS, let minimum):
      of("commit-expired", key, startTS, ["commit": "\(commitTS)", "min": "\(minimum)"])
    case .transactionNotFound(let key, let startTS): of("not-found", key, startTS)
    case .primaryMismatch(let info):
      of(
        "mismatch", info.key, info.lock.startTS,
        [
          "pk": ScriptValue.text(info.lock.primary), "type": ScriptValue.kind(info.lock.kind),
        ])
    case .pessimisticLockRolledBack(let key, let startTS): of("rolled-back", key, startTS)
    case .pessimisticLockNotFound(let key, let startTS, let reason):
      of("pess-lock-not-found", key, startTS, ["reason": text(reason)])
    case .lockKindMismatch(let key, let startTS, _): of("type-mismatch", key, startTS)
    case .assertionFailed(let failure):
      of(
        "assertion", failure.key, failure.startTS,
        [
          "assertion": failure.assertion == .exist ? "exist" : "notexist",
          "xstart": "\(failure.existingStartTS)", "xcommit": "\(failure.existingCommitTS)",
        ])
    case .invalidTimestampOrder(let startTS, let commitTS):
      .error("invalid-tso", ["start": "\(startTS)", "commit": "\(commitTS)"])
    case .lockIfExistsFailed(let key, let startTS): of("lock-if-exists-failed", key, startTS)
    default: .error("other")
    }
  }

  private static func of(
    _ kind: String, _ key: [UInt8], _ startTS: Timestamp,
    _ more: KeyValuePairs<String, String> = [:]
  ) -> ScriptResult {
    var result = error(kind, ["key": ScriptValue.text(key), "start": "\(startTS)"])
    result.fields += more.map { (name: $0.key, value: $0.value) }
    return result
  }

  private static func locked(_ infos: [LockInfo]) -> ScriptResult {
    guard infos.count == 1, let info = infos.first else {
      return .error(
        "locked", words: [infos.map { ScriptValue.text($0.key) }.joined(separator: "+")])
    }
    let lock = info.lock
    var result = of(
      "locked", info.key, lock.startTS,
      [
        "pk": ScriptValue.text(lock.primary), "type": ScriptValue.kind(lock.kind),
        "ttl": "\(lock.ttl)", "for": "\(lock.forUpdateTS)", "min": "\(lock.minCommitTS)",
        "size": "\(lock.txnSize)",
      ])
    if lock.usesAsyncCommit { result.fields.append(("async", "1")) }
    return result
  }

  private static func conflict(_ conflict: WriteConflict) -> ScriptResult {
    let reason =
      switch conflict.reason {
      case .optimistic: "Optimistic"
      case .pessimisticRetry: "PessimisticRetry"
      case .selfRolledBack: "SelfRolledBack"
      case .readCommittedCheck: "RcCheckTs"
      case .lazyUniquenessCheck: "LazyUniquenessCheck"
      }
    return of(
      "conflict", conflict.key, conflict.startTS,
      [
        "cstart": "\(conflict.conflictTS)", "ccommit": "\(conflict.conflictCommitTS)",
        "reason": reason,
      ])
  }

  private static func text(_ reason: MissingLockReason) -> String {
    switch reason {
    case .lockTSMismatch: "LockTsMismatch"
    case .lockMissingAmendFail: "LockMissingAmendFail"
    case .lockForUpdateTSMismatch: "LockForUpdateTsMismatch"
    case .nonLockKeyConflict: "NonLockKeyConflict"
    }
  }
}
