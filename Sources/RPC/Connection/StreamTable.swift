/// A connection's streams by slot.
struct StreamTable {
  private(set) var streams: [CallStream?] = []
  private var free: [Int] = []
  private(set) var count = 0
  /// Streams to reset once their response's end is sent.
  var cutShort = 0

  subscript(slot: Int) -> CallStream? {
    slot >= 0 && slot < streams.count ? streams[slot] : nil
  }

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
    if stream.isCutShort { cutShort -= 1 }
    streams[slot] = nil
    free.append(slot)
    count -= 1
    return stream
  }

  /// All streams, which leaves none.
  mutating func takeAll() -> [CallStream] {
    defer { self = StreamTable() }
    return streams.compactMap { $0 }
  }
}
