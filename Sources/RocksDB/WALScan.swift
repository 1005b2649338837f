/// Reads one file of a write-ahead log and tells damage from a write that a crash has cut off.
///
/// Recovery drops everything from the first broken record on, which is right for a write that was under
/// way when the process or the machine stopped: nothing was written after it. Where an intact record
/// that was written later follows, the broken one had been written whole, and what is dropped was
/// acknowledged. Pure: the file is given block by block.
struct WALScan {
  static let blockSize = 32 << 10
  /// The units in which an operating system writes files.
  private static let pageSize = 4096
  /// So many zero bytes before a page's end make it one that may never have been written.
  private static let zeroTail = 16

  /// A place where no intact record is although the file goes on.
  struct Hole {
    /// Where the logical record begins that is not whole.
    var offset: UInt64
    /// Where its first fragment begins that is not intact.
    var fragment: UInt64
    /// Whether the file ends before the record does.
    var isCutOff: Bool
    /// Whether a page before the next intact record looks as if it was never written to the disk.
    var isUnwritten = false
  }

  /// A logical record of which the last fragment is still to come.
  private struct OpenRecord {
    var offset: UInt64
    /// The first bytes of its payload.
    var head: [UInt8]
  }

  private let logNumber: UInt32
  private var position: UInt64 = 0
  private var open: OpenRecord?
  /// The number of the first write in the file.
  private(set) var firstSequence: UInt64?
  /// The number of the write after those of all intact records; nil when it is not known.
  private(set) var nextSequence: UInt64?
  private(set) var hole: Hole?
  /// Where an intact record begins that was written after the hole.
  private(set) var laterRecord: UInt64?

  /// - Parameter sequence: the number of the first write that the file should have, if that is known.
  init(logNumber: UInt64, expecting sequence: UInt64?) {
    self.logNumber = UInt32(truncatingIfNeeded: logNumber)
    nextSequence = sequence
  }

  /// Takes the next block; all but the file's last have `blockSize` bytes.
  mutating func add(_ block: UnsafeRawBufferPointer) {
    if hole == nil {
      let place = readRecords(block)
      if hole != nil { search(block, from: place, isAligned: false) }
    } else if laterRecord == nil {
      search(block, from: 0, isAligned: true)
    }
    position += UInt64(block.count)
  }

  /// The file has ended.
  mutating func finish() {
    guard hole == nil, let open else { return }
    hole = Hole(offset: open.offset, fragment: position, isCutOff: true)
  }

  // MARK: Intact records

  /// Reads records up to the end of the block or a hole; returns the place from which to search on.
  private mutating func readRecords(_ block: UnsafeRawBufferPointer) -> Int {
    var place = 0
    while block.count - place >= WALRecord.smallestHeader {
      guard let record = WALRecord(block, at: place, logNumber: logNumber) else {
        setHole(at: place, block)
        return place + 1
      }
      switch (record.kind, open == nil) {
      case (.full, true), (.first, true):
        open = OpenRecord(offset: position + UInt64(place), head: [])
      case (.middle, false), (.last, false), (.other, _): break
      default:
        // The beginning of one record inside another, or the rest of none.
        setHole(at: place, block)
        return place
      }
      if record.kind != .other { extend(with: block[record.payload]) }
      if record.kind == .full || record.kind == .last { closeRecord() }
      place = record.payload.upperBound
    }
    // Blocks end with fewer bytes than a header has; a file that does was cut off.
    if place < block.count, block.count < Self.blockSize { setHole(at: place, block) }
    return block.count
  }

  private mutating func extend(with payload: Slice<UnsafeRawBufferPointer>) {
    guard let missing = open.map({ WALRecord.batchHeader - $0.head.count }), missing > 0 else {
      return
    }
    open?.head += payload.prefix(missing)
  }

  private mutating func closeRecord() {
    defer { open = nil }
    guard let head = open?.head, head.count == WALRecord.batchHeader else { return }
    let (sequence, count) = head.withUnsafeBytes { Self.batch($0, at: 0) }
    firstSequence = firstSequence ?? sequence
    nextSequence = sequence &+ UInt64(count)
  }

  private static func batch(
    _ bytes: UnsafeRawBufferPointer, at place: Int
  ) -> (sequence: UInt64, count: UInt32) {
    (
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)),
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt32.self))
    )
  }

  // MARK: Behind a hole

  private mutating func setHole(at place: Int, _ block: UnsafeRawBufferPointer) {
    let fragment = position + UInt64(place)
    hole = Hole(
      offset: open?.offset ?? fragment, fragment: fragment,
      isCutOff: Self.isCutOff(block, at: place))
    open = nil
  }

  /// Whether the last block of a file ends before the record at `place` does.
  private static func isCutOff(_ block: UnsafeRawBufferPointer, at place: Int) -> Bool {
    guard block.count < blockSize else { return false }
    guard block.count - place >= WALRecord.smallestHeader else { return true }
    let length = Int(block[place + 4]) | Int(block[place + 5]) << 8
    return place + WALRecord.smallestHeader + length > block.count
  }

  /// Looks for the beginning of a record that was written after the hole.
  ///
  /// - Parameter isAligned: whether a record begins at `start` if the block is intact. In the hole's own
  ///   block the lengths that lead from record to record cannot be trusted, so every place is tried.
  private mutating func search(
    _ block: UnsafeRawBufferPointer, from start: Int, isAligned: Bool
  ) {
    var place = start
    var isAligned = isAligned
    while place + WALRecord.smallestHeader <= block.count {
      let found = WALRecord(block, at: place, logNumber: logNumber) { [isAligned] kind, payload in
        isAligned || isLaterBatch(kind, block, payload, at: place)
      }
      if let found {
        if isLaterBatch(found.kind, block, found.payload, at: place) {
          laterRecord = position + UInt64(place)
          break
        }
        place = found.payload.upperBound
        isAligned = true
      } else {
        // Beyond the hole's block only whole chains of records count: what users store may look like a
        // record.
        if isAligned, hole.map({ $0.fragment < position }) ?? true { break }
        place += 1
        isAligned = false
      }
    }
    noteUnwrittenPages(block)
  }

  /// Whether the beginning of a batch is one that the log could hold after the hole: each byte of the
  /// hole can have held one write at most.
  private func isLaterBatch(
    _ kind: WALRecord.Kind, _ block: UnsafeRawBufferPointer, _ payload: Range<Int>, at place: Int
  ) -> Bool {
    guard kind == .full || kind == .first, payload.count >= WALRecord.batchHeader, let hole else {
      return false
    }
    guard let nextSequence else { return true }
    let sequence = Self.batch(block, at: payload.lowerBound).sequence
    let gap = position + UInt64(place) - hole.offset
    return sequence >= nextSequence && sequence - nextSequence <= gap
  }

  private mutating func noteUnwrittenPages(_ block: UnsafeRawBufferPointer) {
    guard let hole, !hole.isUnwritten else { return }
    let end = min(laterRecord ?? .max, position + UInt64(block.count))
    var pageEnd = position + UInt64(Self.pageSize)
    while pageEnd <= end {
      let from = max(hole.fragment, pageEnd - UInt64(Self.zeroTail))
      if from < pageEnd {
        let tail = block[Int(from - position)..<Int(pageEnd - position)]
        if tail.allSatisfy({ $0 == 0 }) { self.hole?.isUnwritten = true }
      }
      pageEnd += UInt64(Self.pageSize)
    }
  }
}
