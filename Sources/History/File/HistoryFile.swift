/// A syntax error in a history file.
package struct HistoryFileError: Error, Hashable, CustomStringConvertible {
  /// The line, counted from 1; nil if a single line was decoded.
  package var line: Int?
  /// The byte within the line, counted from 0.
  package var position: Int
  package var reason: String

  package init(line: Int? = nil, position: Int, reason: String) {
    self.line = line
    self.position = position
    self.reason = reason
  }

  package var description: String {
    if let line {
      return "line \(line), byte \(position): \(reason)"
    }
    return "byte \(position): \(reason)"
  }
}

/// The file form of a history: lines of JSON, each ended by a line feed.
///
/// **First line**, the header:
///
///     {"format":"apus-history","version":1,"clock":"ns"}
///
/// `clock` is the unit of all times. A reader refuses another format, version or unit.
///
/// **Every other line**, one call:
///
///     {"id":7,"client":2,"start":1200,"end":3400,"call":"put","key":"a","value":"1","outcome":"done"}
///
/// | field | value |
/// |---|---|
/// | `id` | integer, unique in the file |
/// | `client` | integer; the calls of one client do not overlap |
/// | `start` | integer ≥ 0, when the call was made, on one monotonic clock for the whole file |
/// | `end` | when it was completed, or `null` (or left out) when no response came |
/// | `call` | its name, with the fields of the table below |
/// | `outcome` | `"done"`: a write took effect; `"found"`: a read saw the pairs in `found`, and nothing else; `"failed"`: nothing happened nor will; `"unknown"`: a write may have taken effect, in part too, or may yet |
/// | `found` | pairs; only and always with the outcome `"found"` |
///
/// | `call` | its fields |
/// |---|---|
/// | `get`, `delete` | `key` |
/// | `put` | `key`, `value` |
/// | `batchGet`, `batchDelete` | `keys`: array of bytes |
/// | `batchPut` | `pairs`: array of pairs |
/// | `scan` | `from`, `to`: bytes, the range `[from, to)`, an empty one is no bound; `limit`: integer; `reverse`: boolean, from the high end down |
/// | `deleteRange` | `from`, `to` |
///
/// A *pair* is `{"key":BYTES,"value":BYTES}`. *Bytes* are a string, which stands for its UTF-8 bytes,
/// or `{"hex":"00ff"}`. The writer uses a string when every byte is printable ASCII (0x20 to 0x7e) but
/// neither `"` nor `\`, and hex otherwise, so equal bytes are always written alike; a reader takes any
/// JSON string. Fields come in any order, unknown ones are ignored, a known one given twice is refused.
/// Integers have neither fraction nor exponent.
///
/// Lines are independent: a file can be written while calls complete, and cut between any two lines.
package enum HistoryFile {
  package static let format = "apus-history"
  package static let version = 1
  package static let clock = "ns"

  /// The first line, without its line feed.
  package static let header = Array(
    #"{"format":"\#(format)","version":\#(version),"clock":"\#(clock)"}"#.utf8)

  /// The line of a call, without its line feed.
  package static func line(for operation: Operation) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(160)
    append(operation, to: &out)
    return out
  }

  /// The whole file.
  package static func encode(_ history: [Operation]) -> [UInt8] {
    var out = header
    out.append(newline)
    for operation in history {
      append(operation, to: &out)
      out.append(newline)
    }
    return out
  }

  /// Throws unless the line is the header of a history that this version can read.
  package static func checkHeader(_ line: ArraySlice<UInt8>) throws(HistoryFileError) {
    try HistoryLineDecoder.checkHeader(line)
  }

  /// The call on a line, given without its line feed.
  package static func operation(
    from line: ArraySlice<UInt8>
  ) throws(HistoryFileError) -> Operation {
    try HistoryLineDecoder.operation(from: line)
  }

  /// The operation that a line describes.
  package static func operation(from line: String) throws(HistoryFileError) -> Operation {
    try operation(from: Array(line.utf8)[...])
  }

  /// The calls of a whole file. Blank lines are skipped; an error names its line.
  package static func decode(_ file: [UInt8]) throws(HistoryFileError) -> [Operation] {
    var decoder = HistoryFileDecoder(maxLineBytes: .max)
    try decoder.append(file[...])
    return try decoder.finish()
  }

  static let newline: UInt8 = 0x0A
}

// MARK: Writing

extension HistoryFile {
  /// Appends the line of a call, without its line feed.
  package static func append(_ operation: Operation, to out: inout [UInt8]) {
    out += #"{"id":"#.utf8
    append(decimal: operation.id, to: &out)
    out += #","client":"#.utf8
    append(decimal: operation.client, to: &out)
    out += #","start":"#.utf8
    append(decimal: operation.start, to: &out)
    out += #","end":"#.utf8
    if let end = operation.end {
      append(decimal: end, to: &out)
    } else {
      out += "null".utf8
    }
    append(operation.call, to: &out)
    switch operation.outcome {
    case .done: out += #","outcome":"done"}"#.utf8
    case .failed: out += #","outcome":"failed"}"#.utf8
    case .unknown: out += #","outcome":"unknown"}"#.utf8
    case .swapped(let succeeded, let previous):
      out += #","outcome":"\#(succeeded ? "swapped" : "notSwapped")","previous":"#.utf8
      append(optional: previous, to: &out)
      out.append(UInt8(ascii: "}"))
    case .found(let pairs):
      out += #","outcome":"found","found":"#.utf8
      append(pairs, to: &out)
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func append(_ call: Call, to out: inout [UInt8]) {
    out += #","call":""#.utf8
    out += call.name.utf8
    out.append(UInt8(ascii: "\""))
    switch call {
    case .get(let key), .delete(let key):
      out += #","key":"#.utf8
      append(key, to: &out)
    case .put(let key, let value):
      out += #","key":"#.utf8
      append(key, to: &out)
      out += #","value":"#.utf8
      append(value, to: &out)
    case .batchGet(let keys), .batchDelete(let keys):
      out += #","keys":["#.utf8
      for (index, key) in keys.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        append(key, to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .batchPut(let pairs):
      out += #","pairs":"#.utf8
      append(pairs, to: &out)
    case .scan(let start, let end, let limit, let isReverse):
      append(from: start, to: end, to: &out)
      out += #","limit":"#.utf8
      append(decimal: limit, to: &out)
      out += (isReverse ? #","reverse":true"# : #","reverse":false"#).utf8
    case .deleteRange(let start, let end):
      append(from: start, to: end, to: &out)
    case .compareAndSwap(let key, let expected, let value):
      out += #","key":"#.utf8
      append(key, to: &out)
      out += #","expected":"#.utf8
      append(optional: expected, to: &out)
      out += #","value":"#.utf8
      append(value, to: &out)
    }
  }

  private static func append(optional bytes: [UInt8]?, to out: inout [UInt8]) {
    if let bytes { append(bytes, to: &out) } else { out += "null".utf8 }
  }

  private static func append(from start: [UInt8], to end: [UInt8], to out: inout [UInt8]) {
    out += #","from":"#.utf8
    append(start, to: &out)
    out += #","to":"#.utf8
    append(end, to: &out)
  }

  private static func append(_ pairs: [Pair], to out: inout [UInt8]) {
    out.append(UInt8(ascii: "["))
    for (index, pair) in pairs.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out += #"{"key":"#.utf8
      append(pair.key, to: &out)
      out += #","value":"#.utf8
      append(pair.value, to: &out)
      out.append(UInt8(ascii: "}"))
    }
    out.append(UInt8(ascii: "]"))
  }

  private static func append(_ bytes: [UInt8], to out: inout [UInt8]) {
    if bytes.allSatisfy(\.isPlainText) {
      out.append(UInt8(ascii: "\""))
      out += bytes
      out.append(UInt8(ascii: "\""))
    } else {
      out += #"{"hex":""#.utf8
      for byte in bytes {
        out.append(byte.highHexDigit)
        out.append(byte.lowHexDigit)
      }
      out += #""}"#.utf8
    }
  }

  private static func append(decimal number: some FixedWidthInteger, to out: inout [UInt8]) {
    if number < 0 { out.append(UInt8(ascii: "-")) }
    var rest = UInt64(number.magnitude)
    let first = out.count
    repeat {
      out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    out[first...].reverse()
  }
}

extension UInt8 {
  /// Printable ASCII that needs no escape in a JSON string.
  var isPlainText: Bool {
    self >= 0x20 && self <= 0x7E && self != UInt8(ascii: "\"") && self != UInt8(ascii: "\\")
  }

  var highHexDigit: UInt8 { Self.hexDigit(self >> 4) }
  var lowHexDigit: UInt8 { Self.hexDigit(self & 15) }

  private static func hexDigit(_ number: UInt8) -> UInt8 {
    number < 10 ? UInt8(ascii: "0") + number : UInt8(ascii: "a") + number - 10
  }
}
