import NIOCore

extension CallStream {
  func setOnWritable(_ body: (@Sendable () -> Void)?) {
    if eventLoop.inEventLoop { onWritable = body } else { execute { self.onWritable = body } }
  }

  func setManual() {
    if eventLoop.inEventLoop {
      receiveWindow.isManual = true
    } else {
      execute { self.receiveWindow.isManual = true }
    }
  }

  func consumed(_ bytes: Int) {
    if eventLoop.inEventLoop {
      release(message: bytes)
    } else {
      execute { self.release(message: bytes) }
    }
  }

  /// Returns once the queue has capacity; throws when the call is over.
  func waitForCapacity() async throws(RPCStatus) {
    while pending.load(ordering: .relaxed) >= sendBuffer {
      let isOpen = await withCheckedContinuation { continuation in
        execute { self.addWaiter(continuation) }
      }
      guard isOpen else { break }
    }
    if isOver.load(ordering: .acquiring) { throw RPCStatus(.cancelled, "the call is over") }
  }

  private func addWaiter(_ continuation: CheckedContinuation<Bool, Never>) {
    if isClosed || isFinished {
      continuation.resume(returning: false)
    } else if outgoing.bytes < sendBuffer {
      continuation.resume(returning: true)
    } else {
      waiters.append(continuation)
    }
  }

  func wakeWaiters() {
    guard !waiters.isEmpty else { return }
    let woken = waiters
    waiters = []
    for waiter in woken { waiter.resume(returning: !isClosed) }
  }
}
