import NIOCore

// How much a connection may hold. Three bounds keep it from growing: windows bound what a stream's
// unfinished or undelivered messages take, the ledger bounds what its calls are expected to respond,
// and the budget bounds both over the whole server. Frames go on being read throughout: it is by the
// peer's WINDOW_UPDATEs that responds get out.

extension HTTP2Connection {
  // MARK: Responses

  /// Whether more calls may be begun.
  var hasCapacity: Bool {
    guard let ledger else { return true }
    return !memory.isNearLimit && ledger.bytes < ledger.limit && ledger.hasShare
  }

  /// Counts a delivery; false when the present turn of the event loop has had enough of this peer.
  func takeDelivery() -> Bool {
    guard memory.deliveries > 0 else { return false }
    memory.deliveries -= 1
    return true
  }

  /// `stream.retry` will be called once there may be capacity.
  func block(_ stream: CallStream) {
    if !stream.receiveWindow.isBlocked {
      stream.receiveWindow.isBlocked = true
      memory.blocked.append(stream)
    }
    guard !stream.outgoing.wasFull else { return }
    if let ledger, ledger.bytes >= ledger.limit { memory.isNearLimit = true }
    guard !memory.isNearLimit else { return touch() }
    if let ledger, !ledger.hasShare {
      retryLater()
    } else {
      memory.wantsRetry = true
      touch()
    }
  }

  /// This event loop is not notified when another one frees memory.
  private func retryLater() {
    guard timers.budget == nil, !isClosed else { return }
    timers.budget = outbox.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
      self.timers.budget = nil
      self.memory.wantsRetry = true
      self.touch()
    }
  }

  /// A response was dropped: what waits for its capacity must not wait for a write.
  func capacityFreed() {
    if !memory.blocked.isEmpty { touch() }
  }

  /// After writing: lets blocked streams go on, in the loop's next turn.
  func considerRetry() {
    guard !memory.blocked.isEmpty, !isClosed else { return }
    if memory.isNearLimit, let ledger, ledger.bytes <= ledger.limit / 2 {
      memory.isNearLimit = false
      memory.wantsRetry = true
    }
    guard memory.wantsRetry, !memory.isRetryScheduled else { return }
    memory.isRetryScheduled = true
    outbox.executeAfterIO {
      self.memory.isRetryScheduled = false
      self.retryBlocked()
    }
  }

  private func retryBlocked() {
    guard !isClosed else { return }
    memory.wantsRetry = false
    memory.deliveries = ConnectionMemory.deliveriesPerTurn
    for stream in memory.blocked.takeAll() where !stream.isClosed {
      stream.receiveWindow.isBlocked = false
      stream.retry()
    }
    flush()
  }

  // MARK: What is received and held

  func countInput(_ change: Int) {
    let before = memory.input
    memory.input += change
    guard let ledger else { return }
    let steps = (memory.input >> 16) - (before >> 16)
    if steps != 0 {
      ledger.budget.addInput(steps * ByteBudget.step)
      if steps > 0 { watchStalls() }
    }
    if change < 0, !memory.starved.isEmpty { resumeStarved() }
  }

  /// Whether `stream` may receive more of an unfinished message. If not, its turn will come.
  func canGrow(_ stream: CallStream) -> Bool {
    if memory.prioritized === stream || admitsGrowth { return true }
    if admitsPriority {
      memory.prioritized = stream
      return true
    }
    if !stream.receiveWindow.isStarved {
      stream.receiveWindow.isStarved = true
      memory.starved.append(stream)
    }
    return false
  }

  /// Whether any unfinished message may grow.
  private var admitsGrowth: Bool {
    guard let ledger else { return true }
    return memory.input < limits.heldBytes && !ledger.budget.isNearLimit
  }

  /// Whether one more unfinished message may grow in spite of that. Not while much is held that is whole:
  /// that gets away by itself, and would only become more.
  private var admitsPriority: Bool {
    memory.prioritized == nil && memory.input - memory.unfinished < limits.heldBytes
  }

  /// A message of `stream` is whole.
  func completedMessage(_ stream: CallStream) {
    guard memory.prioritized === stream else { return }
    memory.prioritized = nil
    resumeStarved()
  }

  private func resumeStarved() {
    while admitsGrowth || admitsPriority, let stream = memory.starved.popFirst() {
      stream.receiveWindow.isStarved = false
      stream.credit()
    }
  }

  /// The window that a stream gets which has `window` and could use `wanted`.
  func widerWindow(_ window: Int, _ wanted: Int) -> Int {
    let target = min(wanted, limits.streamWindow)
    guard target > window, limits.extraWindow != .max else { return window }
    let growth = min(target - window, limits.extraWindow - memory.extraWindow)
    // Little by little would cost a frame each.
    guard growth >= min(target - window, limits.initialWindow) else { return window }
    memory.extraWindow += growth
    return window + growth
  }

  /// Why a stream may not hold more than it did, if so. Small messages are not at fault.
  func growthRefusal(of stream: CallStream) -> RPCStatus? {
    guard let budget = ledger?.budget else { return nil }
    guard budget.isCrowded || memory.input >= limits.inputLimit else { return nil }
    let isSpared = stream.receiveWindow.isServedAlways || stream.receiveWindow.counted <= 16 << 10
    if isSpared, !budget.isExhausted { return nil }
    return RPCStatus(.resourceExhausted, "the server's memory limit is reached")
  }

  /// `stream` is gone: gives back what it had.
  func releaseCapacity(of stream: CallStream) {
    stream.discardInput()
    if limits.extraWindow != .max {
      memory.extraWindow -= stream.receiveWindow.window - limits.initialWindow
    }
    if stream.receiveWindow.isBlocked { memory.blocked.noteClosed() }
    if stream.receiveWindow.isStarved { memory.starved.noteClosed() }
    if memory.prioritized === stream { completedMessage(stream) }
  }

  // MARK: The socket

  /// Counts what was written off the streams, and what of it the socket has not taken yet.
  func settleOutput(_ context: ChannelHandlerContext) {
    guard let ledger else {
      memory.moved = 0
      return
    }
    var change = -memory.moved
    memory.progress &+= memory.moved
    memory.moved = 0
    let queued = unwrittenBytes(context)
    if queued != memory.inSocket, queued == 0 || abs(queued - memory.inSocket) >= 16 << 10 {
      change += queued - memory.inSocket
      memory.inSocket = queued
    }
    if change != 0 {
      ledger.add(change)
      memory.taken &-= change
    }
    if ledger.bytes >= ByteBudget.step { watchStalls() }
    if ledger.bytes >= ByteBudget.reserve { watchReading() }
  }

  private func unwrittenBytes(_ context: ChannelHandlerContext) -> Int {
    do {
      return try context.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
    } catch {
      // A channel that does not know, or is closed: nothing is counted.
      return 0
    }
  }

  // MARK: Peers that do not read

  /// While responses are more than the reserve, looks from time to time whether the peer reads them.
  private func watchReading() {
    guard timers.reading == nil, !isClosed else { return }
    let taken = memory.taken
    timers.reading = outbox.eventLoop.assumeIsolated().scheduleTask(in: limits.readingTimeout) {
      self.timers.reading = nil
      self.checkReading(taken)
    }
  }

  /// With the budget used up, who holds much of it must take it in, a sixteenth in this time: others are
  /// refused meanwhile. What calls under way are expected to respond does not count.
  private func checkReading(_ before: Int) {
    guard !isClosed, let ledger, let context else { return }
    settleOutput(context)
    guard ledger.budget.isFull else { return }
    let unread = table.streams.reduce(memory.inSocket) { $0 + ($1?.outgoing.bytes ?? 0) }
    guard unread > ByteBudget.reserve,
      memory.taken &- before < max(ByteBudget.step, unread / 16)
    else { return }
    logger.info(
      "closing a connection that does not read its responses", metadata: ["bytes": "\(unread)"])
    close(RPCStatus(.unavailable, "too many bytes waiting to be read"))
  }

  // MARK: Stalls

  /// While much is held, looks from time to time whether anything moves.
  func watchStalls() {
    guard timers.stall == nil, !phase.isIdle, !isClosed else { return }
    scheduleStallCheck()
  }

  private func scheduleStallCheck() {
    let progress = memory.progress
    let (seen, counted) = (memory.prioritized, memory.prioritized?.receiveWindow.counted ?? 0)
    timers.stall = outbox.eventLoop.assumeIsolated().scheduleTask(in: limits.stallTimeout) {
      self.timers.stall = nil
      self.checkStall(progress, seen, counted)
    }
  }

  private func checkStall(_ progress: Int, _ prioritized: CallStream?, _ counted: Int) {
    guard !isClosed, let ledger else { return }
    if let context { settleOutput(context) }
    let held = memory.input + ledger.bytes
    guard held >= ByteBudget.step else { return }
    let isShort = ledger.budget.isFull || ledger.budget.isNearLimit
    if isShort, memory.progress &- progress < ByteBudget.step {
      logger.info(
        "closing a connection that holds memory without progress", metadata: ["bytes": "\(held)"])
      return close(RPCStatus(.unavailable, "too many bytes waiting to be read or completed"))
    }
    if let prioritized, prioritized === memory.prioritized,
      prioritized.receiveWindow.counted == counted,
      !memory.starved.isEmpty
    {
      prioritized.failReceiving(
        RPCStatus(.resourceExhausted, "an unfinished message keeps others from their end"))
      touch()
    }
    if memory.prioritized == nil, let next = memory.starved.popFirst() {
      // What is whole has not got away for so long that it may be waiting for just this message's sender.
      next.receiveWindow.isStarved = false
      memory.prioritized = next
      next.credit()
      touch()
    }
    if timers.stall == nil { scheduleStallCheck() }
  }
}
