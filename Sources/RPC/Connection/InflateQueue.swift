import NIOCore

/// Decompresses the messages of one event loop's streams: one at a time, and no more in a turn of the
/// loop than delays no one else. On the event loop only.
final class InflateQueue {
  enum Outcome {
    case done(ByteBuffer)
    /// The stream's `advance` will be called again.
    case later
    case failed(RPCStatus)
  }

  private static let bytesPerTurn = 256 << 10

  private let eventLoop: any EventLoop
  private let inflater = GzipInflater()
  private var waiting: [CallStream] = []
  /// Whose message is under way.
  private var current: CallStream?
  private var input = ByteBuffer()
  private var output = ByteBuffer()
  private var allowance = InflateQueue.bytesPerTurn
  private var isScheduled = false
  private var isTurn = false

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  /// Decompresses `stream`'s first message, now if no one else is in line.
  func inflate(_ stream: CallStream, _ compressed: ByteBuffer, limit: Int) -> Outcome {
    if current === stream {
      guard allowance > 0 else { return wait(stream, first: true) }
    } else {
      guard current == nil, allowance > 0, isTurn || waiting.isEmpty else {
        return wait(stream, first: false)
      }
      inflater.restart()
      input = compressed
      output = ByteBuffer()
    }
    schedule()
    let before = output.readableBytes
    let piece = min(allowance, limit + 1 - before)
    let progress = inflater.inflate(&input, into: &output, limit: piece)
    // Beginning a message costs something too.
    allowance -= max(output.readableBytes - before, 4096)
    switch progress {
    case .failed(let reason): return fail(RPCStatus(.internal, reason))
    case .done where output.readableBytes <= limit:
      let message = output
      forget()
      return .done(message)
    case .done, .more:
      guard output.readableBytes <= limit else {
        return fail(
          RPCStatus(.resourceExhausted, "a message decompresses to more than \(limit) bytes"))
      }
      stream.receiveWindow.inflated = output.readableBytes
      if let refusal = stream.settleGrowth() { return fail(refusal) }
      current = stream
      return wait(stream, first: true)
    }
  }

  private func fail(_ status: RPCStatus) -> Outcome {
    forget()
    return .failed(status)
  }

  private func forget() {
    current = nil
    input = ByteBuffer()
    output = ByteBuffer()
  }

  private func wait(_ stream: CallStream, first: Bool) -> Outcome {
    if !stream.receiveWindow.isInflating {
      stream.receiveWindow.isInflating = true
      if first { waiting.insert(stream, at: 0) } else { waiting.append(stream) }
    }
    schedule()
    return .later
  }

  private func schedule() {
    guard !isScheduled else { return }
    isScheduled = true
    eventLoop.assumeIsolated().execute { self.turn() }
  }

  private func turn() {
    isScheduled = false
    isTurn = true
    allowance = Self.bytesPerTurn
    while allowance > 0, !waiting.isEmpty {
      let stream = waiting.removeFirst()
      stream.receiveWindow.isInflating = false
      stream.advance()
      // A call may end in the middle of its message: then no one will ask for the rest, and those
      // behind it must not wait for that.
      if current === stream, !stream.receiveWindow.isInflating { forget() }
    }
    isTurn = false
    if !waiting.isEmpty { schedule() }
  }
}
