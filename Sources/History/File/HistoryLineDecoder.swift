/// Decodes one line: collects its fields, which may be in any order, and builds a call from them.
struct HistoryLineDecoder {
  private var scanner: JSONScanner
  private var id: Int?
  private var client: Int?
  private var start: UInt64?
  /// `.some(nil)` if the field is `null`.
  private var end: UInt64??
  private var call: [UInt8]?
  private var outcome: [UInt8]?
  private var found: [Pair]?
  private var key: [UInt8]?
  private var value: [UInt8]?
  private var keys: [[UInt8]]?
  private var pairs: [Pair]?
  private var from: [UInt8]?
  private var to: [UInt8]?
  private var limit: Int?
  private var isReverse: Bool?
  /// `.some(nil)` if the field is `null`.
  private var expected: [UInt8]??
  private var previous: [UInt8]??

  private init(_ line: ArraySlice<UInt8>) {
    scanner = JSONScanner(line)
  }

  static func operation(from line: ArraySlice<UInt8>) throws(HistoryFileError) -> Operation {
    var decoder = Self(line)
    try decoder.scanner.take("{")
    if !decoder.scanner.takeIfPresent("}") {
      repeat { try decoder.takeField() } while decoder.scanner.takeIfPresent(",")
      try decoder.scanner.take("}")
    }
    try decoder.scanner.takeEnd()
    return try decoder.operation()
  }

  static func checkHeader(_ line: ArraySlice<UInt8>) throws(HistoryFileError) {
    var scanner = JSONScanner(line)
    var format: [UInt8]?
    var version: Int?
    var clock: [UInt8]?
    try scanner.take("{")
    if !scanner.takeIfPresent("}") {
      repeat {
        let name = try scanner.takeString()
        try scanner.take(":")
        switch String(decoding: name, as: UTF8.self) {
        case "format": format = try scanner.takeString()
        case "version": version = try scanner.takeInteger()
        case "clock": clock = try scanner.takeString()
        default: try scanner.skipValue()
        }
      } while scanner.takeIfPresent(",")
      try scanner.take("}")
    }
    try scanner.takeEnd()
    guard let format, format.elementsEqual(HistoryFile.format.utf8) else {
      throw HistoryFileError(position: 0, reason: "not the header of an \(HistoryFile.format) file")
    }
    guard version == HistoryFile.version else {
      throw HistoryFileError(
        position: 0, reason: "unknown version: expected \(HistoryFile.version)")
    }
    guard let clock, clock.elementsEqual(HistoryFile.clock.utf8) else {
      throw HistoryFileError(position: 0, reason: "unknown clock: expected \(HistoryFile.clock)")
    }
  }

  // MARK: Fields

  private mutating func takeField() throws(HistoryFileError) {
    let fieldStart = scanner
    let name = try scanner.takeString()
    try scanner.take(":")
    let isNew: Bool
    switch String(decoding: name, as: UTF8.self) {
    case "id": isNew = set(&id, try scanner.takeInteger())
    case "client": isNew = set(&client, try scanner.takeInteger())
    case "start": isNew = set(&start, try scanner.takeInteger())
    case "end":
      let time: UInt64? = scanner.takeIfPresent(word: "null") ? nil : try scanner.takeInteger()
      isNew = set(&end, time)
    case "call": isNew = set(&call, try scanner.takeString())
    case "outcome": isNew = set(&outcome, try scanner.takeString())
    case "found": isNew = set(&found, try takePairs())
    case "key": isNew = set(&key, try takeBytes())
    case "value": isNew = set(&value, try takeBytes())
    case "keys": isNew = set(&keys, try takeKeys())
    case "pairs": isNew = set(&pairs, try takePairs())
    case "from": isNew = set(&from, try takeBytes())
    case "to": isNew = set(&to, try takeBytes())
    case "limit": isNew = set(&limit, try scanner.takeInteger())
    case "expected": isNew = set(&expected, try takeOptionalBytes())
    case "previous": isNew = set(&previous, try takeOptionalBytes())
    case "reverse": isNew = set(&isReverse, try scanner.takeBool())
    default:
      isNew = true
      try scanner.skipValue()
    }
    if !isNew {
      throw fieldStart.failure("a field given twice")
    }
  }

  /// False if the field was set before.
  private func set<Value>(_ field: inout Value?, _ value: Value) -> Bool {
    let isNew = field == nil
    field = .some(value)
    return isNew
  }

  private mutating func takeOptionalBytes() throws(HistoryFileError) -> [UInt8]? {
    scanner.takeIfPresent(word: "null") ? nil : try takeBytes()
  }

  private mutating func takeBytes() throws(HistoryFileError) -> [UInt8] {
    if scanner.peek() == UInt8(ascii: "\"") { return try scanner.takeString() }
    guard scanner.takeIfPresent("{") else { throw scanner.failure("bytes expected") }
    guard try scanner.takeString().elementsEqual("hex".utf8) else {
      throw scanner.failure("bytes are a string or an object with the one field hex")
    }
    try scanner.take(":")
    let digits = try scanner.takeString()
    try scanner.take("}")
    guard digits.count.isMultiple(of: 2) else { throw scanner.failure("half a byte in hex") }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = JSONScanner.hexDigit(digits[index]),
        let low = JSONScanner.hexDigit(digits[index + 1])
      else { throw scanner.failure("not a hex digit") }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private mutating func takeKeys() throws(HistoryFileError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    try scanner.take("[")
    if scanner.takeIfPresent("]") { return keys }
    repeat { keys.append(try takeBytes()) } while scanner.takeIfPresent(",")
    try scanner.take("]")
    return keys
  }

  private mutating func takePairs() throws(HistoryFileError) -> [Pair] {
    var pairs: [Pair] = []
    try scanner.take("[")
    if scanner.takeIfPresent("]") { return pairs }
    repeat { pairs.append(try takePair()) } while scanner.takeIfPresent(",")
    try scanner.take("]")
    return pairs
  }

  private mutating func takePair() throws(HistoryFileError) -> Pair {
    let fieldStart = scanner
    var key: [UInt8]?
    var value: [UInt8]?
    try scanner.take("{")
    if !scanner.takeIfPresent("}") {
      repeat {
        let name = try scanner.takeString()
        try scanner.take(":")
        let isNew: Bool
        switch String(decoding: name, as: UTF8.self) {
        case "key": isNew = set(&key, try takeBytes())
        case "value": isNew = set(&value, try takeBytes())
        default:
          isNew = true
          try scanner.skipValue()
        }
        if !isNew { throw fieldStart.failure("a field given twice in a pair") }
      } while scanner.takeIfPresent(",")
      try scanner.take("}")
    }
    guard let key, let value else { throw fieldStart.failure("a pair is a key and a value") }
    return Pair(key: key, value: value)
  }

  // MARK: Building the call

  private func operation() throws(HistoryFileError) -> Operation {
    Operation(
      id: try need(id, "id"), client: try need(client, "client"),
      start: try need(start, "start"), end: end ?? nil,
      call: try makeCall(), outcome: try makeOutcome())
  }

  private func need<Value>(_ field: Value?, _ name: String) throws(HistoryFileError) -> Value {
    guard let field else { throw scanner.failure("the field \(name) is missing") }
    return field
  }

  private func makeCall() throws(HistoryFileError) -> Call {
    let name = String(decoding: try need(call, "call"), as: UTF8.self)
    switch name {
    case "get": return .get(key: try need(key, "key"))
    case "put": return .put(key: try need(key, "key"), value: try need(value, "value"))
    case "delete": return .delete(key: try need(key, "key"))
    case "batchGet": return .batchGet(keys: try need(keys, "keys"))
    case "batchPut": return .batchPut(pairs: try need(pairs, "pairs"))
    case "batchDelete": return .batchDelete(keys: try need(keys, "keys"))
    case "scan":
      return .scan(
        start: try need(from, "from"), end: try need(to, "to"), limit: try need(limit, "limit"),
        isReverse: try need(isReverse, "reverse"))
    case "deleteRange":
      return .deleteRange(start: try need(from, "from"), end: try need(to, "to"))
    case "compareAndSwap":
      return .compareAndSwap(
        key: try need(key, "key"), expected: try need(expected, "expected"),
        value: try need(value, "value"))
    default: throw scanner.failure("unknown call \(Self.excerpt(name))")
    }
  }

  private func makeOutcome() throws(HistoryFileError) -> Outcome {
    let name = String(decoding: try need(outcome, "outcome"), as: UTF8.self)
    if name == "found" {
      return .found(try need(found, "found"))
    }
    guard found == nil else { throw scanner.failure("pairs are found only with the outcome found") }
    switch name {
    case "done": return .done
    case "failed": return .failed
    case "unknown": return .unknown
    case "swapped", "notSwapped":
      return .swapped(succeeded: name == "swapped", previous: try need(previous, "previous"))
    default: throw scanner.failure("unknown outcome \(Self.excerpt(name))")
    }
  }

  /// A name for an error message: short and without control characters.
  private static func excerpt(_ name: String) -> String {
    name.utf8.count <= 32 && name.utf8.allSatisfy(\.isPlainText) ? name : "that"
  }
}
