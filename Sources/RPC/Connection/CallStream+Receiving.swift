import NIOCore

// What a stream receives: cut into messages, delivered while there is capacity for what they bring
// about, held otherwise. The peer's window is given back for what has been passed on, and for an
// unfinished message as long as there is capacity for it; so what is held is bounded by windows.

extension CallStream {
  /// Whether what comes can still matter.
  var wantsInput: Bool {
    !isClosed && !receiveWindow.isIgnored && !isOver.load(ordering: .relaxed)
  }

  func received(_ bytes: ByteBuffer) {
    guard wantsInput else { return }
    var chunk = bytes
    receiveWindow.uncredited += bytes.readableBytes
    do throws(RPCStatus) {
      while let message = try receiveWindow.assembler.next(&chunk) {
        connection?.completedMessage(self)
        take(message)
        guard wantsInput else { return }
      }
    } catch {
      return failReceiving(error)
    }
    if let refusal = settleGrowth() { return failReceiving(refusal) }
    credit()
  }

  private func take(_ message: ByteBuffer) {
    let isCompressed = receiveWindow.assembler.isCompressed
    if message.readableBytes == 0, receiveWindow.isGated { connection?.receivedControl() }
    if !isCompressed, receiveWindow.backlog.isEmpty, mayDeliver { return deliver(message) }
    let mustStart = receiveWindow.backlog.isEmpty
    receiveWindow.backlog.append(message.compacted(), isCompressed: isCompressed)
    if isCompressed, mustStart { return advance() }
    if !isCompressed, mustStart, !receiveWindow.isPaused { connection?.block(self) }
  }

  private func deliver(_ message: ByteBuffer) {
    if receiveWindow.isManual {
      receiveWindow.held += message.readableBytes + OutboundMessage.prefixBytes
    }
    receivedMessage(message)
  }

  /// Whether the receiver may be given a message now.
  private var mayDeliver: Bool {
    if receiveWindow.isPaused || receiveWindow.awaitsCapacity { return false }
    guard receiveWindow.isGated, let connection else { return true }
    return hasCapacity && connection.takeDelivery()
  }

  /// Whether the first message may begin to be decompressed: one that could not be delivered then stays small.
  private var mayInflate: Bool {
    if receiveWindow.isPaused || receiveWindow.awaitsCapacity { return false }
    return !receiveWindow.isGated || hasCapacity
  }

  /// Whether responses to more messages may be produced.
  var hasCapacity: Bool { !outgoing.wasFull && connection?.hasCapacity ?? true }

  /// Delivers what waits, as far as it may be.
  func advance() {
    while wantsInput, let first = receiveWindow.backlog.first {
      if first.isCompressed {
        guard receiveWindow.isInflating || mayInflate else {
          if !receiveWindow.isPaused { connection?.block(self) }
          break
        }
        if !receiveWindow.isInflating, let connection {
          receiveWindow.isInflating = true
          outbox.inflations.add(self, on: connection)
        }
        return settleInput()
      }
      guard mayDeliver else {
        if !receiveWindow.isPaused { connection?.block(self) }
        break
      }
      receiveWindow.backlog.removeFirst()
      deliver(first.message)
    }
    guard wantsInput else { return }
    if receiveWindow.endsAfterBacklog, receiveWindow.backlog.isEmpty, !receiveWindow.isPaused,
      !receiveWindow.awaitsCapacity
    {
      receiveWindow.endsAfterBacklog = false
      receivedEnd()
    }
    settleInput()
    credit()
  }

  /// The first message that waits is decompressed.
  func inflated(_ message: ByteBuffer) {
    receiveWindow.inflated = 0
    receiveWindow.backlog.replaceFirst(message)
    advance()
  }

  /// The first message that waits cannot be decompressed.
  func failInflating(_ status: RPCStatus) {
    receiveWindow.inflated = 0
    failReceiving(status)
    connection?.touch()
  }

  func ended() {
    isRemoteClosed = true
    guard wantsInput else { return }
    guard !receiveWindow.assembler.isPartial else {
      return failReceiving(RPCStatus(.internal, "stream ended within a message"))
    }
    if receiveWindow.backlog.isEmpty, !receiveWindow.isPaused, !receiveWindow.awaitsCapacity {
      receivedEnd()
    } else {
      receiveWindow.endsAfterBacklog = true
    }
  }

  // MARK: What is held

  /// Notifies the connection what this stream holds.
  func settleInput() {
    let bytes = receiveWindow.bytes
    let unfinished = receiveWindow.assembler.heldBytes
    guard bytes != receiveWindow.counted || unfinished != receiveWindow.unfinished, let connection
    else { return }
    let change = bytes - receiveWindow.counted
    receiveWindow.counted = bytes
    connection.memory.unfinished += unfinished - receiveWindow.unfinished
    receiveWindow.unfinished = unfinished
    connection.countInput(change)
  }

  /// As `settleInput`; a status if what is held has grown and there is no capacity for it.
  func settleGrowth() -> RPCStatus? {
    let before = receiveWindow.counted
    settleInput()
    guard receiveWindow.counted > before, let connection else { return nil }
    return connection.growthRefusal(of: self)
  }

  /// Frees what is held: it will not be delivered.
  func discardInput() {
    if receiveWindow.isInflating { connection?.memory.inflating?.forget(self) }
    receiveWindow.discard()
    settleInput()
  }

  // MARK: The peer's window

  /// Gives the peer back the window that it used, unless its receiver is behind or there is no capacity
  /// for more of an unfinished message.
  func credit() {
    guard receiveWindow.uncredited >= receiveWindow.window / 4, !isRemoteClosed, wantsInput,
      let connection
    else {
      return
    }
    guard receiveWindow.backlog.isEmpty, !receiveWindow.awaitsCapacity,
      receiveWindow.held < max(1, receiveWindow.window / 4)
    else { return }
    let expected = receiveWindow.assembler.expectedBytes
    if expected > 0 {
      guard connection.canGrow(self) else { return }
      widen(to: expected, on: connection)
    } else if receiveWindow.isGated || receiveWindow.isManual || receiveWindow.isServedAlways {
      widen(to: .max, on: connection)
    }
    connection.session.consumeStream(id, receiveWindow.uncredited)
    receiveWindow.uncredited = 0
    connection.touch()
  }

  /// A window that holds the message under way, or all that a busy stream may have, saves it from
  /// waiting for the window's return again and again.
  private func widen(to wanted: Int, on connection: HTTP2Connection) {
    let window = connection.widerWindow(receiveWindow.window, wanted)
    guard window > receiveWindow.window else { return }
    receiveWindow.window = window
    connection.session.setWindow(id, window)
  }

  /// The receiver is done with `bytes` of delivered messages (prefixes not counted by the caller).
  func release(message bytes: Int) {
    receiveWindow.held = max(0, receiveWindow.held - bytes - OutboundMessage.prefixBytes)
    guard !isClosed else { return }
    settleInput()
    credit()
  }
}
