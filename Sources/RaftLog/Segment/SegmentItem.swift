import Raft

/// Consecutive entries of a region in the payload of one frame.
struct EntrySpan: Sendable, Equatable {
  /// Entries of one term.
  struct Run: Sendable, Equatable {
    var term: UInt64
    /// Above 0.
    var count: UInt64
  }

  var region: UInt64
  /// From 1; `first + lengths.count` does not overflow.
  var first: UInt64
  /// Their counts sum up to the number of entries.
  var runs: [Run]
  /// Where the first entry starts in the uncompressed payload.
  var offset: UInt32
  /// Bytes of each entry. The entries lie one behind the other.
  var lengths: [UInt32]

  /// The index after the last.
  var end: UInt64 { first + UInt64(lengths.count) }
}

/// The state of a region in a snapshot of the state, without its keys, which follow as `put`.
struct RegionState: Sendable, Equatable {
  var region: UInt64
  /// The truncated index and its term.
  var dummyIndex: UInt64
  var dummyTerm: UInt64
  /// Of the entries from `dummyIndex + 1` to the last.
  var runs: [EntrySpan.Run]
  var hardState: HardState
  /// Why the region is fenced (see `SegmentLogOptions.Mode.salvage`); nil: it is not.
  var fence: String?
}

/// A file in a snapshot of the state.
struct FileRecord: Sendable, Equatable {
  var sequence: UInt64
  var salt: UInt64
  var firstLSN: UInt64
  /// At least `firstLSN - 1`, that of a file without frames.
  var lastLSN: UInt64
}

/// One change in a frame: region as a varint, kind as a byte, body. Changes of the store have region 0.
enum SegmentItem: Sendable, Equatable {
  /// Entries that replace all from their first index on.
  case append(EntrySpan)
  /// Copies of entries that garbage collection has made. They change where entries are, nothing else.
  case move(EntrySpan)
  case compact(region: UInt64, index: UInt64, term: UInt64)
  case reset(region: UInt64, index: UInt64, term: UInt64, HardState)
  case hardState(region: UInt64, HardState)
  case put(region: UInt64, key: [UInt8], value: [UInt8])
  case delete(region: UInt64, key: [UInt8])
  case destroy(region: UInt64, tombstone: [UInt8]?)
  case state(RegionState)
  case identity(LogStoreIdentity)
  /// All files in use when the snapshot of the state was written, without the one it is in. Ascending.
  case files([FileRecord])
  /// Nothing in the file is needed any more.
  case drop(sequence: UInt64)

  private enum Kind: UInt8 {
    case append = 1
    case move, compact, reset, hardState, put, delete, destroy, state, identity, files, drop
  }

  func append(to bytes: inout [UInt8]) {
    switch self {
    case .append(let span): Self.write(.append, span, to: &bytes)
    case .move(let span): Self.write(.move, span, to: &bytes)
    case .compact(let region, let index, let term):
      Self.begin(.compact, region, &bytes)
      Self.write([index, term], to: &bytes)
    case .reset(let region, let index, let term, let state):
      Self.begin(.reset, region, &bytes)
      Self.write([index, term, state.term, state.vote, state.commit], to: &bytes)
    case .hardState(let region, let state):
      Self.begin(.hardState, region, &bytes)
      Self.write([state.term, state.vote, state.commit], to: &bytes)
    case .put(let region, let key, let value):
      Self.begin(.put, region, &bytes)
      bytes.appendBytes(key)
      bytes.appendBytes(value)
    case .delete(let region, let key):
      Self.begin(.delete, region, &bytes)
      bytes.appendBytes(key)
    case .destroy(let region, let tombstone):
      Self.begin(.destroy, region, &bytes)
      bytes.append(tombstone == nil ? 0 : 1)
      if let tombstone { bytes.appendBytes(tombstone) }
    case .state(let state): Self.write(state, to: &bytes)
    case .identity(let identity):
      Self.begin(.identity, 0, &bytes)
      Self.write([identity.clusterID, identity.storeID], to: &bytes)
    case .files(let files):
      Self.begin(.files, 0, &bytes)
      bytes.appendVarint(UInt64(files.count))
      for file in files {
        Self.write([file.sequence, file.salt, file.firstLSN, file.lastLSN], to: &bytes)
      }
    case .drop(let sequence):
      Self.begin(.drop, 0, &bytes)
      bytes.appendVarint(sequence)
    }
  }

  private static func begin(_ kind: Kind, _ region: UInt64, _ bytes: inout [UInt8]) {
    bytes.appendVarint(region)
    bytes.append(kind.rawValue)
  }

  private static func write(_ numbers: [UInt64], to bytes: inout [UInt8]) {
    for number in numbers { bytes.appendVarint(number) }
  }

  private static func write(_ kind: Kind, _ span: EntrySpan, to bytes: inout [UInt8]) {
    begin(kind, span.region, &bytes)
    bytes.appendVarint(span.first)
    bytes.appendVarint(UInt64(span.offset))
    write(span.runs, to: &bytes)
    for length in span.lengths { bytes.appendVarint(UInt64(length)) }
  }

  private static func write(_ runs: [EntrySpan.Run], to bytes: inout [UInt8]) {
    bytes.appendVarint(UInt64(runs.count))
    for run in runs { write([run.term, run.count], to: &bytes) }
  }

  private static func write(_ state: RegionState, to bytes: inout [UInt8]) {
    begin(.state, state.region, &bytes)
    let hard = state.hardState
    write([state.dummyIndex, state.dummyTerm, hard.term, hard.vote, hard.commit], to: &bytes)
    write(state.runs, to: &bytes)
    bytes.append(state.fence == nil ? 0 : 1)
    if let fence = state.fence { bytes.appendBytes(Array(fence.utf8)) }
  }

  /// Reads all items of a frame.
  ///
  /// - Parameter payload: uncompressed bytes of the frame's payload, in which all entries must lie.
  static func decode(
    _ bytes: [UInt8], _ range: Range<Int>? = nil, payload: Int
  ) throws(SegmentDefect) -> [SegmentItem] {
    var reader = ByteReader(bytes, range)
    var items: [SegmentItem] = []
    while !reader.isAtEnd { items.append(try SegmentItem(from: &reader, payload)) }
    return items
  }

  private init(from reader: inout ByteReader, _ payload: Int) throws(SegmentDefect) {
    let region = try reader.varint()
    let number = try reader.number(UInt8.self)
    guard let kind = Kind(rawValue: number) else {
      throw SegmentDefect("a record of unknown kind \(number)", isNewer: true)
    }
    switch kind {
    case .append: self = .append(try Self.span(region, &reader, payload))
    case .move: self = .move(try Self.span(region, &reader, payload))
    case .compact:
      self = .compact(region: region, index: try reader.varint(), term: try reader.varint())
    case .reset:
      let (index, term) = (try reader.varint(), try reader.varint())
      guard index < .max else { throw SegmentDefect("a reset to the largest index") }
      self = .reset(region: region, index: index, term: term, try Self.hardState(&reader))
    case .hardState: self = .hardState(region: region, try Self.hardState(&reader))
    case .put:
      self = .put(region: region, key: try reader.byteString(), value: try reader.byteString())
    case .delete: self = .delete(region: region, key: try reader.byteString())
    case .destroy:
      let marked = try reader.number(UInt8.self) != 0
      self = .destroy(region: region, tombstone: marked ? try reader.byteString() : nil)
    case .state: self = .state(try Self.state(region, &reader))
    case .identity:
      self = .identity(
        LogStoreIdentity(clusterID: try reader.varint(), storeID: try reader.varint()))
    case .files: self = .files(try Self.files(&reader))
    case .drop: self = .drop(sequence: try reader.varint())
    }
  }

  private static func hardState(_ reader: inout ByteReader) throws(SegmentDefect) -> HardState {
    HardState(
      term: try reader.varint(), vote: try reader.varint(), commit: try reader.varint())
  }

  private static func runs(
    _ reader: inout ByteReader
  ) throws(SegmentDefect) -> (runs: [EntrySpan.Run], count: UInt64) {
    var runs: [EntrySpan.Run] = []
    var sum: UInt64 = 0
    for _ in 0..<(try reader.count()) {
      let run = EntrySpan.Run(term: try reader.varint(), count: try reader.varint())
      let (next, overflow) = sum.addingReportingOverflow(run.count)
      guard run.count > 0, !overflow else { throw SegmentDefect("a run of terms is invalid") }
      sum = next
      runs.append(run)
    }
    return (runs, sum)
  }

  private static func span(
    _ region: UInt64, _ reader: inout ByteReader, _ payload: Int
  ) throws(SegmentDefect) -> EntrySpan {
    let first = try reader.varint()
    let offset = try reader.varint()
    let (runs, count) = try runs(&reader)
    // Each length takes at least a byte.
    guard count > 0, count <= UInt64(reader.left) else {
      throw SegmentDefect("\(count) entries exceed the record")
    }
    guard first > 0, UInt64.max - first >= count else {
      throw SegmentDefect("entries from index \(first) exceed the largest index")
    }
    var lengths: [UInt32] = []
    lengths.reserveCapacity(Int(count))
    var end = offset
    for _ in 0..<count {
      let length = try reader.varint()
      let (next, overflow) = end.addingReportingOverflow(length)
      guard !overflow, next <= UInt64(payload) else {
        throw SegmentDefect("an entry lies outside of the payload")
      }
      end = next
      lengths.append(UInt32(length))
    }
    return EntrySpan(
      region: region, first: first, runs: runs, offset: UInt32(offset), lengths: lengths)
  }

  private static func state(
    _ region: UInt64, _ reader: inout ByteReader
  ) throws(SegmentDefect) -> RegionState {
    let (index, term) = (try reader.varint(), try reader.varint())
    let hardState = try hardState(&reader)
    let (runs, count) = try runs(&reader)
    guard index < .max, UInt64.max - 1 - index >= count else {
      throw SegmentDefect("a log ends beyond the largest index")
    }
    let fence = try reader.number(UInt8.self) == 0 ? nil : try reader.byteString()
    return RegionState(
      region: region, dummyIndex: index, dummyTerm: term, runs: runs, hardState: hardState,
      fence: fence.map { String(decoding: $0, as: UTF8.self) })
  }

  private static func files(_ reader: inout ByteReader) throws(SegmentDefect) -> [FileRecord] {
    var files: [FileRecord] = []
    for _ in 0..<(try reader.count()) {
      files.append(
        FileRecord(
          sequence: try reader.varint(), salt: try reader.varint(),
          firstLSN: try reader.varint(), lastLSN: try reader.varint()))
    }
    return files
  }
}
