import NIOCore

// What a stream receives: cut into messages, delivered while there is room for what they bring about,
// held otherwise. The peer's window is given back for what has been passed on, and for an unfinished
// message as long as there is room for it; so what is held is bounded by windows.

extension CallStream {
  /// Whether what comes can still matter.
  private var wantsInput: Bool {
    !isClosed && !intake.isIgnored && !isOver.load(ordering: .relaxed)
  }

  func received(_ bytes: ByteBuffer) {
    guard wantsInput else { return }
    var chunk = bytes
    intake.uncredited += bytes.readableBytes
    do throws(RPCStatus) {
      while let message = try intake.assembler.next(&chunk) {
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
    let isCompressed = intake.assembler.isCompressed
    if message.readableBytes == 0, intake.isGated { connection?.receivedControl() }
    if !isCompressed, intake.backlog.isEmpty, mayDeliver { return deliver(message) }
    let mustStart = intake.backlog.isEmpty
    intake.backlog.append(message.compacted(), isCompressed: isCompressed)
    if isCompressed, mustStart { return advance() }
    if !isCompressed, mustStart, !intake.isPaused { connection?.block(self) }
  }

  private func deliver(_ message: ByteBuffer) {
    if intake.isManual { intake.held += message.readableBytes + OutboundMessage.prefixBytes }
    receivedMessage(message)
  }

  /// Whether the receiver may be given a message now.
  private var mayDeliver: Bool {
    if intake.isPaused || intake.awaitsRoom { return false }
    guard intake.isGated, let connection else { return true }
    return hasRoom && connection.takeDelivery()
  }

  /// Whether the first message may begin to be decompressed: one that could not be delivered then stays small.
  private var mayInflate: Bool {
    if intake.isPaused || intake.awaitsRoom { return false }
    return !intake.isGated || hasRoom
  }

  /// Whether answers to more messages may be produced.
  var hasRoom: Bool { !wasUnwritable && connection?.hasRoom ?? true }

  /// Delivers what waits, as far as it may be.
  func advance() {
    while wantsInput, let first = intake.backlog.first {
      if first.isCompressed {
        guard intake.inflated > 0 || mayInflate else {
          if !intake.isPaused { connection?.block(self) }
          break
        }
        switch outbox.inflations.inflate(self, first.message, limit: intake.assembler.limit) {
        case .done(let message): intake.backlog.replaceFirst(message)
        case .later: return settleInput()
        case .failed(let status): return failReceiving(status)
        }
        intake.inflated = 0
        continue
      }
      guard mayDeliver else {
        if !intake.isPaused { connection?.block(self) }
        break
      }
      intake.backlog.removeFirst()
      deliver(first.message)
    }
    guard wantsInput else { return }
    if intake.endsAfterBacklog, intake.backlog.isEmpty, !intake.isPaused, !intake.awaitsRoom {
      intake.endsAfterBacklog = false
      receivedEnd()
    }
    settleInput()
    credit()
  }

  func ended() {
    isRemoteClosed = true
    guard wantsInput else { return }
    guard !intake.assembler.isPartial else {
      return failReceiving(RPCStatus(.internal, "stream ended within a message"))
    }
    if intake.backlog.isEmpty, !intake.isPaused, !intake.awaitsRoom {
      receivedEnd()
    } else {
      intake.endsAfterBacklog = true
    }
  }

  // MARK: What is held

  /// Tells the connection what this stream holds.
  func settleInput() {
    let bytes = intake.bytes
    let unfinished = intake.assembler.heldBytes
    guard bytes != intake.counted || unfinished != intake.unfinished, let connection else { return }
    let change = bytes - intake.counted
    intake.counted = bytes
    connection.room.unfinished += unfinished - intake.unfinished
    intake.unfinished = unfinished
    connection.countInput(change)
  }

  /// As `settleInput`; a status if what is held has grown and there is no room for it.
  func settleGrowth() -> RPCStatus? {
    let before = intake.counted
    settleInput()
    guard intake.counted > before, let connection else { return nil }
    return connection.refusalOfGrowth(of: self)
  }

  /// Frees what is held: nobody will take it.
  func discardInput() {
    intake.discard()
    settleInput()
  }

  // MARK: The peer's window

  /// Gives the peer back the window that it used, unless its receiver is behind or there is no room for
  /// more of an unfinished message.
  func credit() {
    guard intake.uncredited >= intake.window / 4, !isRemoteClosed, wantsInput, let connection else {
      return
    }
    guard intake.backlog.isEmpty, !intake.awaitsRoom,
      intake.held < max(1, intake.window / 4)
    else { return }
    let expected = intake.assembler.expectedBytes
    if expected > 0 {
      guard connection.mayGrow(self) else { return }
      widen(to: expected, on: connection)
    } else if intake.isGated || intake.isManual || intake.isServedAlways {
      widen(to: .max, on: connection)
    }
    connection.session.consumeStream(id, intake.uncredited)
    intake.uncredited = 0
    connection.touch()
  }

  /// A window that holds the message under way, or all that a busy stream may have, saves it from
  /// waiting for the window's return again and again.
  private func widen(to wanted: Int, on connection: Connection) {
    let window = connection.widerWindow(intake.window, wanted)
    guard window > intake.window else { return }
    intake.window = window
    connection.session.setWindow(id, window)
  }

  /// The receiver is done with `bytes` of delivered messages (prefixes not counted by the caller).
  func release(message bytes: Int) {
    intake.held = max(0, intake.held - bytes - OutboundMessage.prefixBytes)
    guard !isClosed else { return }
    settleInput()
    credit()
  }
}
