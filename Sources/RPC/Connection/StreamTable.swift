import NIOCore

/// A connection's streams by slot, and those of them that something is to be done for.
struct StreamTable {
  /// Invariant: `streams[slot]` is nil exactly for the slots in `free`.
  private(set) var streams: [CallStream?] = []
  private var free: [Int] = []
  private(set) var count = 0
  /// How many streams are to be reset once their response's end is sent.
  private(set) var cutShortCount = 0
  /// Streams whose queue has drained since it was full. Some may have closed since.
  private var writable: [CallStream] = []

  subscript(slot: Int) -> CallStream? {
    slot >= 0 && slot < streams.count ? streams[slot] : nil
  }

  /// Returns the stream's slot.
  mutating func add(_ stream: CallStream) -> Int {
    count += 1
    guard let slot = free.popLast() else {
      streams.append(stream)
      return streams.count - 1
    }
    streams[slot] = stream
    return slot
  }

  mutating func remove(_ slot: Int) -> CallStream? {
    guard let stream = self[slot] else { return nil }
    if stream.isCutShort { cutShortCount -= 1 }
    streams[slot] = nil
    free.append(slot)
    count -= 1
    return stream
  }

  /// All streams, which leaves none.
  mutating func removeAll() -> [CallStream] {
    defer { self = StreamTable() }
    return streams.compactMap { $0 }
  }

  // MARK: Streams to reset

  /// `stream` is to be reset once its response's end is sent.
  mutating func cutShort(_ stream: CallStream) {
    guard !stream.isCutShort else { return }
    stream.isCutShort = true
    cutShortCount += 1
  }

  /// The stream's response has ended. Returns it if it is to be reset.
  mutating func endedResponse(_ slot: Int) -> CallStream? {
    guard let stream = self[slot], stream.isCutShort else { return nil }
    stream.isCutShort = false
    cutShortCount -= 1
    return stream
  }

  // MARK: Streams to write to

  mutating func becameWritable(_ stream: CallStream) { writable.append(stream) }

  /// Streams that became writable, which leaves none; nil if there are none.
  mutating func takeWritable() -> [CallStream]? {
    guard !writable.isEmpty else { return nil }
    defer { writable = [] }
    return writable
  }

  // MARK: Deadlines

  /// Streams whose deadline has passed, which then have none, and the next deadline of the others.
  func expire(at now: NIODeadline) -> (expired: [CallStream], next: NIODeadline?) {
    var expired: [CallStream] = []
    var next: NIODeadline?
    for case .some(let stream) in streams where stream.deadline != .distantFuture {
      if stream.deadline <= now {
        stream.deadline = .distantFuture
        expired.append(stream)
      } else {
        next = min(next ?? stream.deadline, stream.deadline)
      }
    }
    return (expired, next)
  }
}
