import NIOCore

// How much a connection may hold. Three bounds keep it from growing: windows bound what a stream's
// unfinished or undelivered messages take, the ledger bounds what its calls are expected to answer, and
// the budget bounds both over the whole server. Frames go on being read all the while: it is by the
// peer's WINDOW_UPDATEs that answers get out.

extension Connection {
  // MARK: Answers

  /// Whether more calls may be begun.
  var hasRoom: Bool {
    guard let ledger else { return true }
    return !room.isTight && ledger.bytes < ledger.limit && !ledger.budget.isFull
  }

  /// Counts a delivery; false when the present turn of the event loop has had enough of this peer.
  func takeDelivery() -> Bool {
    guard room.deliveries > 0 else { return false }
    room.deliveries -= 1
    return true
  }

  /// `stream.retry` will be called once there may be room.
  func block(_ stream: CallStream) {
    if !stream.intake.isBlocked {
      stream.intake.isBlocked = true
      room.blocked.append(stream)
    }
    guard !stream.wasUnwritable else { return }
    if let ledger, ledger.bytes >= ledger.limit { room.isTight = true }
    guard !room.isTight else { return touch() }
    if ledger?.budget.isFull ?? false {
      retryLater()
    } else {
      room.wantsRetry = true
      touch()
    }
  }

  /// Nobody tells this event loop when another one frees memory.
  private func retryLater() {
    guard timers.budget == nil, !isClosed else { return }
    timers.budget = outbox.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
      self.timers.budget = nil
      self.room.wantsRetry = true
      self.touch()
    }
  }

  /// An answer was dropped: what waits for its room must not wait for a write.
  func madeRoom() {
    if !room.blocked.isEmpty { touch() }
  }

  /// After writing: lets blocked streams go on, in the loop's next turn.
  func considerRetry() {
    guard !room.blocked.isEmpty, !isClosed else { return }
    if room.isTight, let ledger, ledger.bytes <= ledger.limit / 2 {
      room.isTight = false
      room.wantsRetry = true
    }
    guard room.wantsRetry, !room.isRetryScheduled else { return }
    room.isRetryScheduled = true
    outbox.eventLoop.assumeIsolated().execute {
      self.room.isRetryScheduled = false
      self.retryBlocked()
    }
  }

  private func retryBlocked() {
    guard !isClosed else { return }
    room.wantsRetry = false
    room.deliveries = RoomState.deliveriesPerTurn
    for stream in room.blocked.takeAll() where !stream.isClosed {
      stream.intake.isBlocked = false
      stream.retry()
    }
    flush()
  }

  // MARK: What is received and held

  func countInput(_ change: Int) {
    let before = room.input
    room.input += change
    guard let ledger else { return }
    let steps = (room.input >> 16) - (before >> 16)
    if steps != 0 {
      ledger.budget.add(steps * ByteBudget.step)
      if steps > 0 { watchStalls() }
    }
    if change < 0, !room.starved.isEmpty { feedStarved() }
  }

  /// Whether `stream` may receive more of an unfinished message. If not, its turn will come.
  func mayGrow(_ stream: CallStream) -> Bool {
    if room.favoured === stream || admitsGrowth { return true }
    if admitsFavourite {
      room.favoured = stream
      return true
    }
    if !stream.intake.isStarved {
      stream.intake.isStarved = true
      room.starved.append(stream)
    }
    return false
  }

  /// Whether any unfinished message may grow.
  private var admitsGrowth: Bool {
    guard let ledger else { return true }
    return room.input < limits.heldBytes && !ledger.budget.isFull
  }

  /// Whether one more unfinished message may grow in spite of that. Not while much is held that is whole:
  /// that gets away by itself, and would only become more.
  private var admitsFavourite: Bool {
    room.favoured == nil && room.input - room.unfinished < limits.heldBytes
  }

  /// A message of `stream` is whole.
  func completedMessage(_ stream: CallStream) {
    guard room.favoured === stream else { return }
    room.favoured = nil
    feedStarved()
  }

  private func feedStarved() {
    while admitsGrowth || admitsFavourite, let stream = room.starved.popFirst() {
      stream.intake.isStarved = false
      stream.credit()
    }
  }

  /// The window that a stream gets which has `window` and could use `wanted`.
  func widerWindow(_ window: Int, _ wanted: Int) -> Int {
    let target = min(wanted, limits.streamWindow)
    guard target > window, limits.extraWindow != .max else { return window }
    let growth = min(target - window, limits.extraWindow - room.extraWindow)
    // Little by little would cost a frame each.
    guard growth >= min(target - window, limits.initialWindow) else { return window }
    room.extraWindow += growth
    return window + growth
  }

  /// Why a stream may not hold more than it did, if so. Small messages are not at fault.
  func refusalOfGrowth(of stream: CallStream) -> RPCStatus? {
    guard let budget = ledger?.budget else { return nil }
    guard budget.isOverdrawn || room.input >= limits.inputLimit else { return nil }
    let isSpared = stream.intake.isServedAlways || stream.intake.counted <= 16 << 10
    if isSpared, !budget.isExhausted { return nil }
    return RPCStatus(.resourceExhausted, "the server holds too much to take in this message")
  }

  /// `stream` is gone: gives back what it had.
  func releaseRoom(of stream: CallStream) {
    stream.discardInput()
    if limits.extraWindow != .max {
      room.extraWindow -= stream.intake.window - limits.initialWindow
    }
    if stream.intake.isBlocked { room.blocked.noteClosed() }
    if stream.intake.isStarved { room.starved.noteClosed() }
    if room.favoured === stream { completedMessage(stream) }
  }

  // MARK: The socket

  /// Counts what was written off the streams, and what of it the socket has not taken yet.
  func settleOutput(_ context: ChannelHandlerContext) {
    guard let ledger else {
      room.moved = 0
      return
    }
    var change = -room.moved
    room.progress &+= room.moved
    room.moved = 0
    let queued = unwrittenBytes(context)
    if queued != room.inSocket, queued == 0 || abs(queued - room.inSocket) >= 16 << 10 {
      change += queued - room.inSocket
      room.inSocket = queued
    }
    if change != 0 { ledger.add(change) }
    if ledger.bytes >= ByteBudget.step { watchStalls() }
  }

  private func unwrittenBytes(_ context: ChannelHandlerContext) -> Int {
    do {
      return try context.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
    } catch {
      // A channel that does not know, or is closed: nothing is counted.
      return 0
    }
  }

  // MARK: Stalls

  /// While much is held, looks from time to time whether anything moves.
  func watchStalls() {
    guard timers.stall == nil, !isClosed, isStarted else { return }
    scheduleStallCheck()
  }

  private func scheduleStallCheck() {
    let progress = room.progress
    let (seen, counted) = (room.favoured, room.favoured?.intake.counted ?? 0)
    timers.stall = outbox.eventLoop.assumeIsolated().scheduleTask(in: limits.stallTimeout) {
      self.timers.stall = nil
      self.checkStall(progress, seen, counted)
    }
  }

  private func checkStall(_ progress: Int, _ favoured: CallStream?, _ counted: Int) {
    guard !isClosed, let ledger else { return }
    if let context { settleOutput(context) }
    let held = room.input + ledger.bytes
    guard held >= ByteBudget.step else { return }
    if ledger.budget.isFull, room.progress &- progress < ByteBudget.step {
      logger.info(
        "closing a connection that holds memory and moves nothing", metadata: ["bytes": "\(held)"])
      return close(RPCStatus(.unavailable, "too much waits to be read or completed"))
    }
    if let favoured, favoured === room.favoured, favoured.intake.counted == counted,
      !room.starved.isEmpty
    {
      favoured.failReceiving(
        RPCStatus(.resourceExhausted, "an unfinished message keeps others from their end"))
      touch()
    }
    if room.favoured == nil, let next = room.starved.popFirst() {
      // What is whole has not got away for so long that it may be waiting for just this message's sender.
      next.intake.isStarved = false
      room.favoured = next
      next.credit()
      touch()
    }
    if timers.stall == nil { scheduleStallCheck() }
  }
}
