/// Reads one file of a write-ahead log and distinguishes damage from a write that a crash has truncated.
///
/// Recovery drops everything from the first broken record on. That is right for a write in progress when the process
/// or the machine stopped: nothing was written after it. If an intact record that was written later follows, the broken
/// one had been complete, and recovery would drop acknowledged writes. Does no I/O: the caller passes the blocks.
struct WALScan {
  static let blockSize = 32 << 10
  /// The unit in which the operating system writes files.
  private static let pageSize = 4096
  /// A page that ends in this many zero bytes may never have been written.
  private static let zeroTail = 16

  /// A range of the file without an intact record.
  struct Hole {
    /// The offset of the logical record that is not complete.
    var offset: UInt64
    /// The offset of its first broken fragment.
    var fragment: UInt64
    /// Whether the file ends within the record.
    var isCutOff: Bool
    /// Whether a page between here and the next intact record looks as if it was never written.
    var isUnwritten = false
  }

  /// A logical record whose last fragment was not read yet.
  private struct OpenRecord {
    var offset: UInt64
    /// The first bytes of its payload.
    var head: [UInt8]
  }

  private let logNumber: UInt32
  /// The offset of the next block in the file.
  private var position: UInt64 = 0
  private var open: OpenRecord?
  /// The sequence number of the first write in the file; nil before it was read.
  private(set) var firstSequence: UInt64?
  /// The sequence number after the writes of all intact records; nil if unknown.
  private(set) var nextSequence: UInt64?
  /// The first hole. Records after it are searched, not read.
  private(set) var hole: Hole?
  /// The offset of an intact record that was written after the hole; nil if there is none.
  private(set) var laterRecord: UInt64?

  /// - Parameter sequence: the sequence number that the first write of the file should have; nil if unknown.
  init(logNumber: UInt64, expecting sequence: UInt64?) {
    self.logNumber = UInt32(truncatingIfNeeded: logNumber)
    nextSequence = sequence
  }

  /// Adds the next block of the file. All but the last have `blockSize` bytes.
  mutating func add(_ block: UnsafeRawBufferPointer) {
    if hole == nil {
      let offset = readRecords(block)
      if hole != nil { search(block, from: offset, isAligned: false) }
    } else if laterRecord == nil {
      search(block, from: 0, isAligned: true)
    }
    position += UInt64(block.count)
  }

  /// To be called at the end of the file.
  mutating func finish() {
    guard hole == nil, let open else { return }
    hole = Hole(offset: open.offset, fragment: position, isCutOff: true)
  }

  // MARK: Intact records

  /// Reads records up to the end of the block or a hole. Returns the offset to search from.
  private mutating func readRecords(_ block: UnsafeRawBufferPointer) -> Int {
    var offset = 0
    while block.count - offset >= WALRecord.smallestHeader {
      guard let record = WALRecord(block, at: offset, logNumber: logNumber) else {
        setHole(at: offset, block)
        return offset + 1
      }
      switch (record.kind, open == nil) {
      case (.full, true), (.first, true):
        open = OpenRecord(offset: position + UInt64(offset), head: [])
      case (.middle, false), (.last, false), (.other, _): break
      default:
        // A first fragment within an open record, or a later fragment without one.
        setHole(at: offset, block)
        return offset
      }
      if record.kind != .other { extend(with: block[record.payload]) }
      if record.kind == .full || record.kind == .last { closeRecord() }
      offset = record.payload.upperBound
    }
    // A full block may end with fewer bytes than a header has. A file that ends so is truncated.
    if offset < block.count, block.count < Self.blockSize { setHole(at: offset, block) }
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
    _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) -> (sequence: UInt64, count: UInt32) {
    (
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self))
    )
  }

  // MARK: After a hole

  private mutating func setHole(at offset: Int, _ block: UnsafeRawBufferPointer) {
    let fragment = position + UInt64(offset)
    hole = Hole(
      offset: open?.offset ?? fragment, fragment: fragment,
      isCutOff: Self.isCutOff(block, at: offset))
    open = nil
  }

  /// Whether the last block of a file ends within the record at `offset`.
  private static func isCutOff(_ block: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    guard block.count < blockSize else { return false }
    guard block.count - offset >= WALRecord.smallestHeader else { return true }
    let length = Int(block[offset + 4]) | Int(block[offset + 5]) << 8
    return offset + WALRecord.smallestHeader + length > block.count
  }

  /// Searches for a record that was written after the hole.
  ///
  /// - Parameter isAligned: whether a record begins at `start` if the block is intact. In the block of the hole record
  ///   lengths cannot be trusted, so every offset is tried.
  private mutating func search(
    _ block: UnsafeRawBufferPointer, from start: Int, isAligned: Bool
  ) {
    var offset = start
    var isAligned = isAligned
    while offset + WALRecord.smallestHeader <= block.count {
      let found = WALRecord(block, at: offset, logNumber: logNumber) { [isAligned] kind, payload in
        isAligned || isLaterBatch(kind, block, payload, at: offset)
      }
      if let found {
        if isLaterBatch(found.kind, block, found.payload, at: offset) {
          laterRecord = position + UInt64(offset)
          break
        }
        offset = found.payload.upperBound
        isAligned = true
      } else {
        // In later blocks only records from the start of the block on count: stored values may look like a
        // record.
        if isAligned, hole.map({ $0.fragment < position }) ?? true { break }
        offset += 1
        isAligned = false
      }
    }
    findUnwrittenPages(block)
  }

  /// Whether the batch at `offset` can have been written after the hole: its sequence number is plausible if every byte
  /// of the hole was at most one write.
  private func isLaterBatch(
    _ kind: WALRecord.Kind, _ block: UnsafeRawBufferPointer, _ payload: Range<Int>, at offset: Int
  ) -> Bool {
    guard kind == .full || kind == .first, payload.count >= WALRecord.batchHeader, let hole else {
      return false
    }
    guard let nextSequence else { return true }
    let sequence = Self.batch(block, at: payload.lowerBound).sequence
    let gap = position + UInt64(offset) - hole.offset
    return sequence >= nextSequence && sequence - nextSequence <= gap
  }

  private mutating func findUnwrittenPages(_ block: UnsafeRawBufferPointer) {
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
