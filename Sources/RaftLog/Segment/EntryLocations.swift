/// Where one entry lies: 16 bytes per entry of the log.
struct EntryLocation: Sendable, Equatable {
  /// The sequence number of the file; 0: not known (yet).
  var file: UInt32
  /// The offset of the frame, in units of 8 bytes.
  var frame: UInt32
  /// Where the entry starts in the uncompressed payload.
  var offset: UInt32
  /// Bytes.
  var length: UInt32

  static let missing = EntryLocation(file: 0, frame: 0, offset: 0, length: 0)

  var isMissing: Bool { file == 0 }
  /// The offset of the frame in its file.
  var frameOffset: UInt64 { UInt64(frame) * UInt64(SegmentFormat.alignment) }
}

/// Where a frame lies.
struct FramePlace: Sendable, Hashable {
  /// The sequence number of the file.
  var file: UInt32
  /// The offset in it, in units of 8 bytes.
  var frame: UInt32

  /// Nil if the offset is too large or not aligned.
  init?(sequence: UInt64, offset: UInt64) {
    let (units, rest) = offset.quotientAndRemainder(dividingBy: UInt64(SegmentFormat.alignment))
    guard rest == 0, let file = UInt32(exactly: sequence), let frame = UInt32(exactly: units)
    else { return nil }
    self.file = file
    self.frame = frame
  }

  init(_ location: EntryLocation) {
    file = location.file
    frame = location.frame
  }

  var offset: UInt64 { UInt64(frame) * UInt64(SegmentFormat.alignment) }
}

/// The locations of the entries from `first` on: an array whose start can be removed cheaply.
struct EntryLocations: Sendable {
  /// The index of the first location.
  private(set) var first: UInt64
  private var elements: [EntryLocation] = []
  /// How many elements at the start are removed.
  private var head = 0

  init(first: UInt64 = 1) {
    self.first = first
  }

  var count: Int { elements.count - head }
  /// The index after the last.
  var end: UInt64 { first + UInt64(count) }

  /// - Parameter index: in `first..<end`.
  subscript(index: UInt64) -> EntryLocation {
    get { elements[head + Int(index - first)] }
    set { elements[head + Int(index - first)] = newValue }
  }

  mutating func append(_ location: EntryLocation) {
    elements.append(location)
  }

  /// - Parameter range: within `first..<end`.
  func slice(_ range: Range<UInt64>) -> ArraySlice<EntryLocation> {
    elements[head + Int(range.lowerBound - first)..<head + Int(range.upperBound - first)]
  }

  var all: ArraySlice<EntryLocation> { elements[head...] }

  /// Removes the locations from `index` on.
  mutating func removeLast(from index: UInt64) {
    guard index < end else { return }
    elements.removeLast(Int(end - max(index, first)))
  }

  /// Removes the locations below `index`.
  mutating func removeFirst(below index: UInt64) {
    guard index > first else { return }
    let removed = min(Int(clamping: index - first), count)
    head += removed
    first = index
    if head == elements.count {
      elements.removeAll(keepingCapacity: head <= 64)
      head = 0
    } else if head > elements.count / 2 {
      elements.removeFirst(head)
      head = 0
    }
  }
}
