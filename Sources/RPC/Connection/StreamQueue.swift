/// Streams in the order in which they began to wait. Those that close meanwhile are left in place and
/// cleared away when they are many.
struct StreamQueue {
  private var streams: [CallStream] = []
  private var closed = 0

  var isEmpty: Bool { streams.isEmpty }

  mutating func append(_ stream: CallStream) { streams.append(stream) }

  /// The first that is still open; it is taken out.
  mutating func popFirst() -> CallStream? {
    guard let index = streams.firstIndex(where: { !$0.isClosed }) else {
      removeAll()
      return nil
    }
    let stream = streams[index]
    streams.removeFirst(index + 1)
    closed = max(0, closed - index)
    return stream
  }

  /// All of them, which leaves none.
  mutating func takeAll() -> [CallStream] {
    defer { removeAll() }
    return streams
  }

  mutating func removeAll() {
    streams = []
    closed = 0
  }

  /// One of these streams has closed.
  mutating func noteClosed() {
    closed += 1
    guard closed >= 64, closed * 2 > streams.count else { return }
    streams.removeAll { $0.isClosed }
    closed = 0
  }
}
