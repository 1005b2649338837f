import Raft

/// The few protobuf messages that logs are kept in, written by hand because every entry passes
/// here. Zero fields are left out; unknown ones are skipped.
enum LogCodec {
  /// A message that does not read as what it should be.
  struct Malformed: Error {
    var reason: String
  }

  // MARK: Writing

  /// `eraftpb.Entry` up to its data, whose bytes follow directly.
  static func writeHeader(of entry: Entry, to output: inout [UInt8]) {
    field(1, UInt64(entry.type.rawValue), to: &output)
    field(2, entry.term, to: &output)
    field(3, entry.index, to: &output)
    guard !entry.data.isEmpty else { return }
    output.append(4 << 3 | 2)
    varint(UInt64(entry.data.count), to: &output)
  }

  static func encode(_ state: HardState, last: UInt64) -> [UInt8] {
    var inner: [UInt8] = []
    field(1, state.term, to: &inner)
    field(2, state.vote, to: &inner)
    field(3, state.commit, to: &inner)
    var output: [UInt8] = [1 << 3 | 2, UInt8(inner.count)]
    output += inner
    field(2, last, to: &output)
    return output
  }

  /// A message of two numbers: `RaftTruncatedState` or `StoreIdent`.
  static func encode(_ first: UInt64, _ second: UInt64) -> [UInt8] {
    var output: [UInt8] = []
    field(1, first, to: &output)
    field(2, second, to: &output)
    return output
  }

  static func varint(_ value: UInt64, to output: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }

  private static func field(_ number: UInt8, _ value: UInt64, to output: inout [UInt8]) {
    guard value != 0 else { return }
    output.append(number << 3)
    varint(value, to: &output)
  }

  // MARK: Reading

  static func decodeEntry(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Entry {
    var entry = Entry()
    var reader = LogReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1:
        let number = try reader.number()
        guard let type = UInt8(exactly: number).flatMap(EntryType.init(rawValue:)) else {
          throw Malformed(reason: "entry type \(number)")
        }
        entry.type = type
      case 2: entry.term = try reader.number()
      case 3: entry.index = try reader.number()
      case 4: entry.data = [UInt8](try reader.block())
      default: try reader.skip()
      }
    }
    return entry
  }

  /// Term and index of an entry, without its data.
  static func decodeID(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> (
    term: UInt64, index: UInt64
  ) {
    let numbers = try decodeNumbers(bytes, 2, 3)
    return (numbers.0, numbers.1)
  }

  static func decodeState(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> (
    HardState, last: UInt64
  ) {
    var state = HardState()
    var last: UInt64 = 0
    var reader = LogReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1:
        let inner = try reader.block()
        (state.term, state.vote) = try decodeNumbers(inner, 1, 2)
        state.commit = try decodeNumbers(inner, 3, 0).0
      case 2: last = try reader.number()
      default: try reader.skip()
      }
    }
    return (state, last)
  }

  /// Reads from bytes at hand. (`Array.withUnsafeBytes` does not pass a typed error on.)
  static func read<R>(
    _ bytes: [UInt8], _ body: (inout LogReader) throws(Malformed) -> R
  ) throws(Malformed) -> R {
    try bytes.withUnsafeBytes { bytes in
      Result { () throws(Malformed) in
        var reader = LogReader(bytes)
        return try body(&reader)
      }
    }.get()
  }

  static func decodeNumbers(
    _ bytes: [UInt8], _ first: UInt64, _ second: UInt64
  ) throws(Malformed) -> (UInt64, UInt64) {
    try bytes.withUnsafeBytes { bytes in
      Result { () throws(Malformed) in try decodeNumbers(bytes, first, second) }
    }.get()
  }

  /// Two number fields of a message.
  static func decodeNumbers(
    _ bytes: UnsafeRawBufferPointer, _ first: UInt64, _ second: UInt64
  ) throws(Malformed) -> (UInt64, UInt64) {
    var result: (UInt64, UInt64) = (0, 0)
    var reader = LogReader(bytes)
    while let field = try reader.next() {
      if field == first {
        result.0 = try reader.number()
      } else if field == second {
        result.1 = try reader.number()
      } else {
        try reader.skip()
      }
    }
    return result
  }
}
