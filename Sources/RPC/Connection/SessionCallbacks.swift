import CNghttp2
import NIOCore

// The C functions nghttp2 calls. `user` is the connection that owns the session (see
// `FrameSession.setOwner`); it is alive because every call into nghttp2 is made by one of its methods.

private func owner(_ user: UnsafeMutableRawPointer?) -> Unmanaged<HTTP2Connection>? {
  user.map { Unmanaged<HTTP2Connection>.fromOpaque($0) }
}

private func slot(_ session: OpaquePointer?, _ stream: Int32) -> Int? {
  let user = nghttp2_session_get_stream_user_data(session, stream)
  return user.map { Int(bitPattern: $0) - 1 }
}

private let success: Int32 = 0
/// Ends the call into nghttp2: what else was read does not matter.
private let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

/// Sets all callbacks a session needs.
func installSessionCallbacks(_ callbacks: OpaquePointer?) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, beganHeaders)
  nghttp2_session_callbacks_set_on_header_callback(callbacks, receivedHeader)
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, receivedFrame)
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, receivedData)
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, sentFrame)
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, unsentFrame)
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closedStream)
  nghttp2_session_callbacks_set_send_data_callback(callbacks, sendOutgoing)
}

private let beganHeaders: nghttp2_on_begin_headers_callback = { session, frame, user in
  guard let frame, let owner = owner(user) else { return success }
  let id = frame.pointee.hd.stream_id
  return owner._withUnsafeGuaranteedRef { connection in
    if let slot = slot(session, id) {
      connection.beganHeaders(slot: slot)
    } else if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
      let slot = connection.openedByPeer(id: id)
      nghttp2_session_set_stream_user_data(
        session, id, UnsafeMutableRawPointer(bitPattern: slot + 1))
    }
    return success
  }
}

private let receivedHeader: nghttp2_on_header_callback = {
  _, _, name, nameLength, value, valueLength, _, user in
  guard let name, let value, let owner = owner(user) else { return success }
  return owner._withUnsafeGuaranteedRef { connection in
    // nghttp2 keeps both alive for the length of this call.
    let nameBytes = UnsafeBufferPointer(start: name, count: nameLength)
    let valueBytes = UnsafeBufferPointer(start: value, count: valueLength)
    guard connection.receivedHeader(nameBytes.span, valueBytes.span) else {
      return connection.phase == .terminating
        ? failure : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    return success
  }
}

private let receivedFrame: nghttp2_on_frame_recv_callback = { session, frame, user in
  guard let frame, let owner = owner(user) else { return success }
  return owner._withUnsafeGuaranteedRef { connection in
    received(frame, session, connection)
    return connection.phase == .terminating ? failure : success
  }
}

private func received(
  _ frame: UnsafePointer<nghttp2_frame>, _ session: OpaquePointer?, _ connection: HTTP2Connection
) {
  let head = frame.pointee.hd
  let isLast = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
  switch nghttp2_frame_type(UInt32(head.type)) {
  case NGHTTP2_DATA:
    if head.length == 0, !isLast { connection.receivedControl() }
    guard let slot = slot(session, head.stream_id) else { break }
    if isLast { connection.receivedEnd(slot: slot) } else { connection.receivedPart(slot: slot) }
  case NGHTTP2_HEADERS:
    if let slot = slot(session, head.stream_id) {
      connection.receivedHeaders(slot: slot, endOfStream: isLast)
    }
  case NGHTTP2_PING:
    if head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 {
      let payload = withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
        $0.loadUnaligned(as: UInt64.self)
      }
      connection.receivedPong(payload)
    } else {
      connection.receivedControl()
    }
  case NGHTTP2_GOAWAY:
    connection.receivedGoAway(code: frame.pointee.goaway.error_code)
  case NGHTTP2_SETTINGS:
    connection.receivedSettings(
      isAcknowledgement: head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0)
  case NGHTTP2_WINDOW_UPDATE: connection.receivedWindowUpdate()
  case NGHTTP2_PRIORITY: connection.receivedControl()
  default: break
  }
}

private let receivedData: nghttp2_on_data_chunk_recv_callback = {
  session, _, id, data, count, user in
  guard let data, let owner = owner(user) else { return success }
  owner._withUnsafeGuaranteedRef { connection in
    connection.arrival.unconsumed += count
    guard let slot = slot(session, id) else { return }
    // The chunk normally lies within the bytes being fed: then it is a slice of them, not a copy.
    if let base = connection.arrival.base, let whole = connection.arrival.bytes {
      let offset = UnsafeRawPointer(data) - base
      if offset >= 0, let part = whole.getSlice(at: whole.readerIndex + offset, length: count) {
        return connection.receivedData(slot: slot, part)
      }
    }
    let copy = ByteBuffer(bytes: UnsafeBufferPointer(start: data, count: count))
    connection.receivedData(slot: slot, copy)
  }
  return success
}

private let sentFrame: nghttp2_on_frame_send_callback = { session, frame, user in
  guard let frame, let owner = owner(user) else { return success }
  let head = frame.pointee.hd
  if head.type == UInt8(NGHTTP2_RST_STREAM.rawValue),
    frame.pointee.rst_stream.error_code != NGHTTP2_NO_ERROR.rawValue
  {
    owner._withUnsafeGuaranteedRef { $0.sentReset() }
    return success
  }
  guard head.type == UInt8(NGHTTP2_HEADERS.rawValue),
    head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
  else { return success }
  owner._withUnsafeGuaranteedRef { connection in
    guard connection.awaitsEnd, let slot = slot(session, head.stream_id) else { return }
    connection.sentEnd(slot: slot)
  }
  return success
}

private let unsentFrame: nghttp2_on_frame_not_send_callback = { session, frame, _, user in
  guard let frame, let owner = owner(user) else { return success }
  let head = frame.pointee.hd
  guard head.type == UInt8(NGHTTP2_HEADERS.rawValue), let slot = slot(session, head.stream_id)
  else { return success }
  owner._withUnsafeGuaranteedRef { $0.couldNotSendHeaders(slot: slot) }
  return success
}

private let closedStream: nghttp2_on_stream_close_callback = { session, id, code, user in
  guard let owner = owner(user), let slot = slot(session, id) else { return success }
  owner._withUnsafeGuaranteedRef { $0.closedStream(slot: slot, code: code) }
  return success
}

/// How much of a stream's queue goes into the next DATA frame. The bytes move in `sendOutgoing`.
let readOutgoing: nghttp2_data_source_read_callback = { _, _, _, length, flags, source, user in
  guard let flags, let pointer = source?.pointee.ptr, let owner = owner(user) else {
    return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
  }
  let chunk = owner._withUnsafeGuaranteedRef {
    $0.nextChunk(slot: Int(bitPattern: pointer) - 1, limit: length)
  }
  switch chunk {
  case .none: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
  case .some(let count):
    flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    return count
  case .last(let count, let withTrailers):
    flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue | NGHTTP2_DATA_FLAG_EOF.rawValue
    if withTrailers { flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue }
    return count
  }
}

/// Writes one DATA frame: its header as nghttp2 made it, then bytes of the stream's queue.
private let sendOutgoing: nghttp2_send_data_callback = { _, frame, head, length, source, user in
  guard let head, let pointer = source?.pointee.ptr, let owner = owner(user) else {
    return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
  }
  owner._withUnsafeGuaranteedRef { connection in
    // A frame's header is nine bytes; nothing here asks for padding.
    connection.output.writeBytes(UnsafeRawBufferPointer(start: head, count: 9))
    connection.moveOutgoing(slot: Int(bitPattern: pointer) - 1, count: length)
  }
  return success
}

/// The peer broke HTTP/2 beyond repair.
struct SessionError: Error {
  let code: Int32
  let reason: String
}
