import NIOCore

// What nghttp2 calls back, by way of `SessionCallbacks.swift`.

extension HTTP2Connection {
  func openedByPeer(id: Int32) -> Int {
    guard let stream = makeStream() else { return -1 }
    stream.id = id
    arrival.headerStream = stream
    arrival.headerBytes = 0
    return adopt(stream)
  }

  func beganHeaders(slot: Int) {
    arrival.headerStream = table[slot]
    arrival.headerBytes = 0
  }

  /// False once the list is over its limit, whatever it took to send it: nghttp2 then reads the rest of
  /// the block only to keep its tables, and the stream has been reset.
  func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
    arrival.headerBytes += name.count + value.count + 32
    guard arrival.headerBytes <= limits.maxHeaderListBytes else {
      if let stream = arrival.headerStream {
        session.reset(stream.id, code: 0xb)  // ENHANCE_YOUR_CALM
        arrival.headerStream = nil
      }
      if !flood.admitsHeaders(at: eventTime) { calm("too many header lists over the limit") }
      return false
    }
    arrival.headerStream?.receivedHeader(name, value)
    return true
  }

  func receivedHeaders(slot: Int, endOfStream: Bool) {
    arrival.headerStream = nil
    guard let stream = table[slot] else { return }
    stream.receivedHeaders(endOfStream: endOfStream)
    if endOfStream { stream.ended() }
  }

  func receivedData(slot: Int, _ bytes: ByteBuffer) { table[slot]?.received(bytes) }

  func receivedEnd(slot: Int) { table[slot]?.ended() }

  /// The frame's end, and not the stream's.
  func receivedPart(slot: Int) { table[slot]?.receivedPart() }

  func closedStream(slot: Int, code: UInt32) {
    guard let stream = drop(slot: slot) else { return }
    if role == .server { noteEnd(code) }
    let reason = RPCStatus(RPCCode(resetCode: code), "stream reset by the peer (code \(code))")
    finish(stream, resetCode: code, reason)
  }

  private func noteEnd(_ code: UInt32) {
    guard code != 0 else { return flood.completedCall() }
    if !flood.admitsCancellation(at: eventTime) { calm("too many cancelled calls") }
  }

  func nextChunk(slot: Int, limit: Int) -> OutgoingChunk {
    guard let stream = table[slot] else { return .last(0, withTrailers: false) }
    return stream.nextChunk(limit)
  }

  func moveOutgoing(slot: Int, count: Int) {
    memory.moved += count
    flood.sentFrame()
    table[slot]?.moveOutgoing(count, to: &output)
  }

  var awaitsEnd: Bool { table.cutShortCount > 0 }

  func sentEnd(slot: Int) {
    guard let stream = table.endedResponse(slot) else { return }
    if !stream.isRemoteClosed { session.reset(stream.id, code: 0) }
  }

  /// HEADERS were dropped, as too large: without them the stream would never end.
  func couldNotSendHeaders(slot: Int) {
    guard role == .server, let stream = table[slot], !stream.isClosed else { return }
    logger.warning("a response's headers cannot be sent")
    session.reset(stream.id, code: 2)  // INTERNAL_ERROR
  }

  func receivedPong(_ payload: UInt64) {
    if payload == Pinger.drainMark, phase == .draining { session.goAway() }
    timers.pinger?.received()
  }

  func receivedGoAway(code: UInt32) {
    if code != 0 {
      closeReason = RPCStatus(.unavailable, "the peer closed the connection (code \(code))")
    }
    peerSentGoAway()
  }

  func receivedSettings(isAcknowledgement: Bool) {
    if isAcknowledgement { arrival.hasAcknowledgement = true } else { arrival.hasSettings = true }
    if arrival.hasSettings, arrival.hasAcknowledgement, let alarm = timers.handshake {
      alarm.cancel()
      timers.handshake = nil
    }
    guard !isAcknowledgement else { return }
    guard flood.admitsSettings(at: eventTime) else { return calm("too many SETTINGS frames") }
    peerIsReady()
  }

  /// Frames and messages that cost their sender next to nothing.
  func receivedControl() {
    if !flood.admitsControl(at: eventTime) { calm("too many control frames or empty messages") }
  }

  func receivedWindowUpdate() {
    if !flood.admitsWindowUpdate() { calm("too many WINDOW_UPDATE frames") }
  }

  /// We reset a stream for a fault of the peer's; its call may be under way all the same.
  func sentReset() {
    if role == .server, !flood.admitsFault(at: eventTime) { calm("too many streams with faults") }
  }

  private func calm(_ reason: String) {
    terminate(0xb, reason)  // ENHANCE_YOUR_CALM
  }
}
