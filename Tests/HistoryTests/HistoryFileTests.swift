import History
import Runtime
import Testing

struct HistoryFileTests {
  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// One call of each kind, with each outcome it can have.
  private static let samples: [(call: Call, outcomes: [Outcome])] = {
    let a = bytes("a")
    let odd: [UInt8] = [0, 0x22, 0x5C, 0x7F, 0xFF]
    let pairs = [Pair(key: a, value: []), Pair(key: odd, value: bytes("ä"))]
    let writes: [Outcome] = [.done, .failed, .unknown]
    let reads: [Outcome] = [.found([]), .found(pairs), .failed, .unknown]
    return [
      (.get(key: odd), reads), (.put(key: a, value: odd), writes), (.delete(key: []), writes),
      (.batchGet(keys: [a, odd]), reads), (.batchGet(keys: []), reads),
      (.batchPut(pairs: pairs), writes), (.batchPut(pairs: []), writes),
      (.batchDelete(keys: [a]), writes),
      (.scan(start: [], end: odd, limit: 10, isReverse: false), reads),
      (.scan(start: a, end: [], limit: -1, isReverse: true), reads),
      (.deleteRange(start: a, end: []), writes),
    ]
  }()

  private static var history: [Operation] {
    var id = 0
    return samples.flatMap { sample in
      sample.outcomes.map { outcome in
        id += 1
        return Operation(
          id: id, client: -id, start: UInt64(id) * 1000,
          end: outcome == .unknown ? nil : .max - UInt64(id), call: sample.call, outcome: outcome)
      }
    }
  }

  @Test func everyCallIsDecodedAsItWasEncoded() throws {
    let history = Self.history
    #expect(history.count == 38)
    #expect(try HistoryFile.decode(HistoryFile.encode(history)) == history)
    for operation in history {
      #expect(try HistoryFile.operation(from: HistoryFile.line(for: operation)[...]) == operation)
    }
    #expect(try HistoryFile.decode(HistoryFile.encode([])) == [])
  }

  /// A damaged file is refused, or it is a history: then it can be checked and written again.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func damagedFilesAreRefusedOrChecked(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let encoded = HistoryFile.encode(Self.history)
    let extremes = ["18446744073709551615", "-9223372036854775808", "9223372036854775807", "-0"]
    var taken = 0
    for _ in 0..<400 {
      var bytes = encoded
      let offset = Int.random(in: HistoryFile.header.count..<bytes.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[offset] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(offset...)
      case 2:
        let end = Int.random(in: offset..<min(offset + 40, bytes.count), using: &random)
        bytes.removeSubrange(offset..<end)
      default:
        guard let start = bytes[offset...].firstIndex(where: { (0x30...0x39).contains($0) })
        else { continue }
        let end = bytes[start...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.count
        bytes.replaceSubrange(
          start..<end, with: Self.bytes(extremes.randomElement(using: &random) ?? "0"))
      }
      do throws(HistoryFileError) {
        let history = try HistoryFile.decode(bytes)
        taken += 1
        #expect(try HistoryFile.decode(HistoryFile.encode(history)) == history)
        if case .violation(let violation) = LinearizabilityChecker(steps: 50_000).check(history) {
          #expect(!ViolationReport(violation).text.isEmpty)
        }
      } catch {
        #expect(error.line != nil)
      }
    }
    #expect(taken > 20 && taken < 380)
  }

  @Test func theLinesAreAsSpecified() {
    let put = Operation(
      id: 7, client: 2, start: 1200, end: 3400,
      call: .put(key: Self.bytes("a b"), value: [0, 255]), outcome: .done)
    #expect(Self.text(HistoryFile.header) == #"{"format":"apus-history","version":1,"clock":"ns"}"#)
    #expect(
      Self.text(HistoryFile.line(for: put))
        == #"{"id":7,"client":2,"start":1200,"end":3400,"call":"put","key":"a b","#
        + #""value":{"hex":"00ff"},"outcome":"done"}"#)
    let scan = Operation(
      id: Int.min, client: 0, start: 0, end: nil,
      call: .scan(start: [], end: Self.bytes("k\""), limit: 3, isReverse: true), outcome: .unknown)
    #expect(
      Self.text(HistoryFile.line(for: scan))
        == #"{"id":-9223372036854775808,"client":0,"start":0,"end":null,"call":"scan","#
        + #""from":"","to":{"hex":"6b22"},"limit":3,"reverse":true,"outcome":"unknown"}"#)
    let get = Operation(
      id: 1, client: 1, start: 1, end: 2, call: .batchGet(keys: [Self.bytes("a")]),
      outcome: .found([Pair(key: Self.bytes("a"), value: Self.bytes("1"))]))
    #expect(
      Self.text(HistoryFile.line(for: get))
        == #"{"id":1,"client":1,"start":1,"end":2,"call":"batchGet","keys":["a"],"#
        + #""outcome":"found","found":[{"key":"a","value":"1"}]}"#)
  }

  @Test func aLineOfAnotherWriterIsAccepted() throws {
    let line = """
       { "outcome" : "done", "extra": {"a": [1, -2.5e+3, true, null, {}, []], "b": "\\u0041"},
      "value": "\\u00e4\\ud83d\\ude00\\n\\/", "key": {"hex": "0aFF"}, "call": "put",
      "start": 18446744073709551615, "client": -0, "id": 3 } \r
      """
    let operation = try HistoryFile.operation(from: line)
    #expect(
      operation
        == Operation(
          id: 3, client: 0, start: .max, end: nil,
          call: .put(key: [0x0A, 0xFF], value: Self.bytes("ä😀\n/")), outcome: .done))
  }

  @Test(arguments: [
    ("", 0, "{ expected"),
    ("[]", 0, "{ expected"),
    ("{", 1, "\" expected"),
    ("{}", 2, "the field id is missing"),
    (#"{"id":1,}"#, 8, "\" expected"),
    (#"{"id":1 "client":2}"#, 8, "} expected"),
    (#"{"id":1.5}"#, 7, "an integer has neither fraction nor exponent"),
    (#"{"id":01}"#, 6, "a number does not begin with 0"),
    (#"{"id":-}"#, 6, "an integer expected"),
    (#"{"id":9223372036854775808}"#, 6, "a number out of range"),
    (#"{"start":-1}"#, 9, "a number out of range"),
    (#"{"start":18446744073709551616}"#, 9, "a number out of range"),
    (#"{"id":1,"id":1}"#, 8, "a field given twice"),
    (#"{"key":{"hex":"0"}}"#, 18, "half a byte in hex"),
    (#"{"key":{"hex":"0g"}}"#, 19, "not a hex digit"),
    (#"{"key":{"base64":"00"}}"#, 16, "bytes are a string or an object with the one field hex"),
    (#"{"key":7}"#, 7, "bytes expected"),
    (#"{"key":"\ud800"}"#, 14, "half a surrogate pair"),
    (#"{"key":"\ud800\u0041"}"#, 20, "half a surrogate pair"),
    (#"{"key":"\udc00"}"#, 14, "half a surrogate pair"),
    (#"{"key":"\x"}"#, 9, "an escape that JSON does not know"),
    (#"{"key":"\u00"}"#, 12, "four hex digits expected"),
    (#"{"key":"abc"#, 11, "a string without its end"),
    (#"{"key":"abc\"#, 12, "a string without its end"),
    ("{\"key\":\"a\tb\"}", 9, "control character in a string"),
    (#"{"found":[{"key":"a"}]}"#, 10, "a pair is a key and a value"),
    (#"{"found":[{"key":"a","key":"a"}]}"#, 10, "a field given twice in a pair"),
    (#"{"reverse":1}"#, 11, "true or false expected"),
    (#"{"x":nul}"#, 5, "a value expected"),
    (#"{"x":1.}"#, 7, "a digit expected"),
    (#"{"id":1} x"#, 9, "expected the end of the line"),
    (#"{"id":1,"client":1,"start":1,"call":"take","outcome":"done"}"#, 60, "unknown call take"),
    (
      #"{"id":1,"client":1,"start":1,"call":"get","outcome":"done"}"#, 59,
      "the field key is missing"
    ),
    (
      #"{"id":1,"client":1,"start":1,"call":"get","key":"","outcome":"found"}"#, 69,
      "the field found is missing"
    ),
    (
      #"{"id":1,"client":1,"start":1,"call":"get","key":"","outcome":"done","found":[]}"#, 79,
      "pairs are found only with the outcome found"
    ),
    (
      #"{"id":1,"client":1,"start":1,"call":"get","key":"","outcome":"so\n"}"#, 68,
      "unknown outcome that"
    ),
  ])
  func aMalformedLineIsRefused(line: String, position: Int, reason: String) {
    #expect(throws: HistoryFileError(position: position, reason: reason)) {
      try HistoryFile.operation(from: line)
    }
  }

  @Test func bytesThatAreNotTextAreRefused() {
    var line = Self.bytes(#"{"key":""#)
    line += [0xC3, 0x28]
    line += Self.bytes(#""}"#)
    #expect(throws: HistoryFileError(position: 11, reason: "a string that is not UTF-8")) {
      try HistoryFile.operation(from: line[...])
    }
  }

  @Test func deepNestingIsRefusedWithoutExhaustingTheStack() {
    let line = #"{"x":"# + String(repeating: "[", count: 1_000_000)
    #expect(throws: HistoryFileError(position: 37, reason: "nested too deeply")) {
      try HistoryFile.operation(from: line)
    }
  }

  @Test(arguments: [
    ("", "the header is missing"),
    ("\n\n", "the header is missing"),
    (#"{"format":"other","version":1,"clock":"ns"}"#, "not the header of an apus-history file"),
    (#"{"format":"apus-history","version":2,"clock":"ns"}"#, "unknown version: expected 1"),
    (#"{"format":"apus-history","version":1,"clock":"ms"}"#, "unknown clock: expected ns"),
  ])
  func aFileWithoutItsHeaderIsRefused(file: String, reason: String) {
    #expect(throws: HistoryFileError(line: 1, position: 0, reason: reason)) {
      try HistoryFile.decode(Self.bytes(file))
    }
  }

  @Test func anErrorNamesItsLine() {
    let file = HistoryFile.encode(Array(Self.history.prefix(2))) + Self.bytes("\n{\"id\":x}")
    #expect(
      throws: HistoryFileError(line: 5, position: 6, reason: "an integer expected")
    ) { try HistoryFile.decode(file) }
    let error = HistoryFileError(line: 5, position: 6, reason: "an integer expected")
    #expect(error.description == "line 5, byte 6: an integer expected")
  }

  /// What a torn or damaged file holds is taken or refused, and a line cut short is always refused.
  @Test func damagedLinesNeverTrap() {
    var random = SplitMix64(seed: 4)
    var refused = 0
    for operation in Self.history {
      let line = HistoryFile.line(for: operation)
      for count in 0..<line.count {
        #expect(throws: HistoryFileError.self) {
          try HistoryFile.operation(from: line.prefix(count))
        }
      }
      for _ in 0..<200 {
        var damaged = line
        for _ in 0...Int.random(in: 0...2, using: &random) {
          let at = Int.random(in: damaged.indices, using: &random)
          damaged[at] = UInt8.random(in: .min ... .max, using: &random)
        }
        do throws(HistoryFileError) {
          _ = try HistoryFile.operation(from: damaged[...])
        } catch {
          refused += 1
          #expect((0...damaged.count).contains(error.position))
        }
      }
    }
    #expect(refused > 1000)
  }
}
