import NIOCore
import Synchronization

/// The way from any thread to one event loop, shared by all connections of that loop.
///
/// Many items cost one wake-up: the loop is woken only when the outbox turns from empty to not empty, and
/// after all of it has been handled, each connection touched meanwhile writes to its socket once.
// @unchecked: `items` is locked; everything else is read and written on `eventLoop` only.
final class LoopOutbox: @unchecked Sendable {
  let eventLoop: any EventLoop
  private let items = Mutex<[OutboxItem]>([])
  private var spare: [OutboxItem] = []
  private var touched: [HTTP2Connection] = []
  private(set) var isDraining = false
  /// Made for the first compressed message.
  private(set) lazy var inflations = InflateQueue(eventLoop: eventLoop)
  private var isFlushScheduled = false
  private var deferred: [() -> Void] = []

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    spare.reserveCapacity(64)
  }

  /// Callable from any thread.
  func post(_ item: OutboxItem) {
    let wasEmpty = items.withLock { items in
      items.append(item)
      return items.count == 1
    }
    if wasEmpty { eventLoop.execute { self.drain() } }
  }

  /// On the loop: `connection` has something to write. It does so at the end of the present event.
  func touch(_ connection: HTTP2Connection) {
    guard !connection.isTouched else { return }
    connection.isTouched = true
    touched.append(connection)
    guard !isDraining, !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.execute {
      self.isFlushScheduled = false
      self.flushTouched()
    }
  }

  /// On the loop: runs `work` after the sockets had their turn. NIO runs whatever is executed before it
  /// looks at sockets again, and so work that executes its own continuation would keep them waiting.
  func executeAfterIO(_ work: @escaping () -> Void) {
    deferred.append(work)
    guard deferred.count == 1 else { return }
    eventLoop.assumeIsolated().scheduleTask(in: .microseconds(100)) {
      let all = self.deferred
      self.deferred = []
      for work in all { work() }
    }
  }

  private func drain() {
    var batch = spare
    spare = []
    items.withLock { items in swap(&items, &batch) }
    isDraining = true
    for item in batch { perform(item) }
    isDraining = false
    batch.removeAll(keepingCapacity: batch.count <= 4096)
    spare = batch
    flushTouched()
  }

  private func perform(_ item: OutboxItem) {
    switch item {
    case .send(let stream, let payload):
      stream.settleQueued()
      stream.enqueue(payload)
    case .sendAndFinish(let stream, let payload):
      stream.settleQueued()
      stream.enqueue(payload)
      stream.applyFinish(.ok)
    case .finish(let stream, let status):
      stream.settleQueued()
      stream.applyFinish(status)
    case .run(let work):
      work()
    }
  }

  private func flushTouched() {
    var index = 0
    while index < touched.count {
      let connection = touched[index]
      connection.isTouched = false
      connection.flush()
      index += 1
    }
    touched.removeAll(keepingCapacity: true)
  }
}

/// Work for a stream's event loop, posted by another thread.
enum OutboxItem: Sendable {
  case send(CallStream, ByteBuffer)
  case sendAndFinish(CallStream, ByteBuffer)
  case finish(CallStream, RPCStatus)
  case run(@Sendable () -> Void)
}
