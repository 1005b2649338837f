import NIOCore
import NIOPosix

/// Decompresses the messages of one event loop's streams, on a thread of its own: a message of 64 KiB may
/// hold 64 MiB. One piece at a time, in turns between connections by how much each has had
/// decompressed, and between the pieces of a large message the loop serves whoever else there is. On the
/// event loop only.
final class InflateQueue {
  /// Decompressed bytes of one turn.
  private static let pieceSize = 256 << 10
  /// What beginning a message costs, in decompressed bytes.
  private static let leastCost = 8 << 10

  /// Shared by all loops, each of which has at most one piece in it.
  private static let thread: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 1)
    pool.start()
    return pool
  }()

  private let eventLoop: any EventLoop
  /// Connections with messages to decompress.
  private var lanes: [InflateLane] = []
  /// The position of the lane served last: one that begins to wait has no claim on earlier turns.
  private var clock = 0
  private var isRunning = false

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  /// `stream.inflated` or `stream.failInflating` will be called for the first message of its backlog, on a
  /// later turn of the loop, unless the stream loses interest.
  func add(_ stream: CallStream, on connection: HTTP2Connection) {
    let lane = connection.memory.inflating ?? InflateLane()
    connection.memory.inflating = lane
    lane.streams.append(stream)
    if !lane.isQueued {
      lane.isQueued = true
      lane.position = max(lane.position, clock)
      lanes.append(lane)
    }
    runNext()
  }

  private func runNext() {
    guard !isRunning else { return }
    while let index = lanes.indices.min(by: { lanes[$0].position < lanes[$1].position }) {
      let lane = lanes[index]
      guard let stream = lane.next() else {
        lane.isQueued = false
        lanes.swapAt(index, lanes.count - 1)
        lanes.removeLast()
        continue
      }
      guard let first = stream.receiveWindow.backlog.first, first.isCompressed else {
        // It has what it was waiting for.
        lane.removeFirst()
        continue
      }
      let work = lane.work ?? InflateWork(first.message)
      lane.work = work
      return run(work, stream, lane)
    }
  }

  private func run(_ work: InflateWork, _ stream: CallStream, _ lane: InflateLane) {
    isRunning = true
    clock = lane.position
    let limit = stream.receiveWindow.assembler.limit
    // One byte more than may be shows that there is more.
    let piece = min(Self.pieceSize, limit + 1 - stream.receiveWindow.inflated)
    let bound = NIOLoopBound((self, lane), eventLoop: eventLoop)
    let eventLoop = eventLoop
    Self.thread.submit { _ in
      let progress = work.run(piece)
      eventLoop.execute {
        let (queue, lane) = bound.value
        queue.isRunning = false
        queue.finished(work, progress, stream, lane)
        queue.runNext()
      }
    }
  }

  private func finished(
    _ work: InflateWork, _ progress: GzipInflater.Progress, _ stream: CallStream,
    _ lane: InflateLane
  ) {
    let size = work.size
    lane.position += max(size - stream.receiveWindow.inflated, Self.leastCost)
    // The stream may have lost interest meanwhile.
    guard lane.work === work, lane.next() === stream else { return }
    let limit = stream.receiveWindow.assembler.limit
    if case .failed(let reason) = progress {
      lane.removeFirst()
      return stream.failInflating(RPCStatus(.internal, reason))
    }
    guard size <= limit else {
      lane.removeFirst()
      return stream.failInflating(
        RPCStatus(.resourceExhausted, "a message decompresses to more than \(limit) bytes"))
    }
    if case .done = progress {
      lane.removeFirst()
      return stream.inflated(work.takeOutput())
    }
    stream.receiveWindow.inflated = size
    if let refusal = stream.settleGrowth() {
      lane.removeFirst()
      stream.failInflating(refusal)
    }
  }
}

/// The streams of one connection that have a message to decompress. On the event loop only.
final class InflateLane {
  var streams: [CallStream] = []
  /// The message of the first stream, once it is begun.
  var work: InflateWork?
  var isQueued = false
  /// Bytes decompressed for this connection, and those it had no claim on: who has had less is first.
  var position = 0

  /// The first stream that still wants its message.
  func next() -> CallStream? {
    while let first = streams.first {
      if first.wantsInput { return first }
      removeFirst()
    }
    return nil
  }

  /// The first stream's message is done.
  func removeFirst() {
    work = nil
    streams.removeFirst().receiveWindow.isInflating = false
  }

  /// `stream` is gone: what is made of its message is freed.
  func forget(_ stream: CallStream) {
    if streams.first === stream { removeFirst() }
  }
}
