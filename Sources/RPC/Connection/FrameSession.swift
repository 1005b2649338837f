import CNghttp2
import NIOCore

/// One nghttp2 session: HTTP/2 framing, HPACK, flow control.
///
/// nghttp2 is a C library driven by callbacks. This file and `SessionCallbacks.swift` are the only
/// ones that touch it; what crosses to the rest of the target are integers, spans and buffers.
/// A stream is known to nghttp2 as its slot in the connection's table, plus one, in the place of a
/// pointer: no reference is ever passed to C but that of the connection, which owns this session and
/// thereby outlives it.
struct FrameSession: ~Copyable {
  enum Role { case server, client }

  // The C object; freed in `deinit`, used on the connection's event loop only.
  private let raw: OpaquePointer

  init(role: Role, limits: SessionLimits) throws(SessionError) {
    var callbacks: OpaquePointer?
    var option: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&option) == 0 else {
      throw Self.error(NGHTTP2_ERR_NOMEM.rawValue)
    }
    defer {
      nghttp2_session_callbacks_del(callbacks)
      nghttp2_option_del(option)
    }
    installSessionCallbacks(callbacks)
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_max_outbound_ack(option, limits.maxUnsentAcknowledgements)
    nghttp2_option_set_max_settings(option, limits.maxSettingsEntries)
    nghttp2_option_set_stream_reset_rate_limit(
      option, UInt64(limits.resetBurst), UInt64(limits.resetsPerSecond))
    var session: OpaquePointer?
    let result =
      role == .server
      ? nghttp2_session_server_new2(&session, callbacks, nil, option)
      : nghttp2_session_client_new2(&session, callbacks, nil, option)
    guard result == 0, let session else { throw Self.error(result) }
    raw = session
  }

  deinit { nghttp2_session_del(raw) }

  /// Names the receiver of callbacks. Must be the object that owns this session.
  func setOwner(_ connection: HTTP2Connection) {
    nghttp2_session_set_user_data(raw, Unmanaged.passUnretained(connection).toOpaque())
  }

  private static func error(_ code: Int32) -> SessionError {
    SessionError(code: code, reason: String(cString: nghttp2_strerror(code)))
  }

  // MARK: Bytes in and out

  /// Feeds what was read from the socket; `connection` is called back for what it means.
  func receive(_ bytes: ByteBuffer, for connection: HTTP2Connection) throws(SessionError) {
    let result = bytes.withUnsafeReadableBytes { raw in
      connection.arrival.bytes = bytes
      connection.arrival.base = raw.baseAddress
      let used = nghttp2_session_mem_recv(
        self.raw, raw.baseAddress?.assumingMemoryBound(to: UInt8.self), raw.count)
      connection.arrival.base = nil
      connection.arrival.bytes = nil
      return used
    }
    if result < 0 { throw Self.error(Int32(result)) }
  }

  /// Appends the next frame to the connection's output. False if there is none (now).
  func produce(into connection: HTTP2Connection) throws(SessionError) -> Bool {
    let before = connection.output.writerIndex
    var data: UnsafePointer<UInt8>?
    let count = nghttp2_session_mem_send(raw, &data)
    if count < 0 { throw Self.error(Int32(count)) }
    if count > 0, let data {
      connection.output.writeBytes(UnsafeRawBufferPointer(start: data, count: count))
    }
    return connection.output.writerIndex > before
  }

  /// Neither side has anything left to read or write.
  var isDone: Bool {
    nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0
  }

  // MARK: Connection frames

  /// The opening SETTINGS, and the window for the whole connection.
  func start(_ role: Role, _ limits: SessionLimits) {
    var entries = [
      setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.initialWindow),
      setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes),
    ]
    switch role {
    case .server:
      entries.append(setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams))
      entries.append(setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1))
    case .client:
      entries.append(setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
      if limits.hasPriority {
        entries.append(
          nghttp2_settings_entry(settings_id: Int32(PrioritySetting.identifier), value: 1))
      }
    }
    nghttp2_submit_settings(raw, Self.noFlags, entries, entries.count)
    nghttp2_session_set_local_window_size(raw, Self.noFlags, 0, Int32(limits.connectionWindow))
  }

  private func setting(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
    nghttp2_settings_entry(
      settings_id: Int32(bitPattern: id.rawValue), value: UInt32(clamping: value))
  }

  func ping(_ payload: UInt64) {
    withUnsafeBytes(of: payload) { bytes in
      _ = nghttp2_submit_ping(
        raw, Self.noFlags, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Notifies the peer to open no more streams; those under way to here are still served.
  func announceShutdown() { nghttp2_submit_shutdown_notice(raw) }

  /// The final decision on which streams are served.
  func goAway() {
    let last = nghttp2_session_get_last_proc_stream_id(raw)
    nghttp2_submit_goaway(raw, Self.noFlags, last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
  }

  /// GOAWAY with an error: after it is sent, the session is done.
  func terminate(_ code: UInt32) { nghttp2_session_terminate_session(raw, code) }

  func consumeConnection(_ bytes: Int) { nghttp2_session_consume_connection(raw, bytes) }

  func consumeStream(_ id: Int32, _ bytes: Int) { nghttp2_session_consume_stream(raw, id, bytes) }

  /// Frames that wait for the socket (DATA is made when it is sent and not among them).
  var unsentFrames: Int { nghttp2_session_get_outbound_queue_size(raw) }

  // MARK: Streams

  /// Widens a stream's window to `bytes` in all.
  func setWindow(_ id: Int32, _ bytes: Int) {
    nghttp2_session_set_local_window_size(raw, Self.noFlags, id, Int32(clamping: bytes))
  }

  func reset(_ id: Int32, code: UInt32) {
    nghttp2_submit_rst_stream(raw, Self.noFlags, id, code)
  }

  func resume(_ id: Int32) { nghttp2_session_resume_data(raw, id) }

  /// Response headers, with the stream's queue as the body.
  func respond(_ id: Int32, slot: Int, namesEncodings: Bool) {
    withResponseHeaders(namesEncodings) { headers in
      var provider = dataProvider(slot: slot)
      nghttp2_submit_response(raw, id, headers.baseAddress, headers.count, &provider)
    }
  }

  /// A response with a status and no messages.
  func respond(_ id: Int32, trailersOnly status: RPCStatus, namesEncodings: Bool) {
    withResponseHeaders(namesEncodings) { headers in
      withStatusHeaders(status) { trailers in
        let all = Array(headers) + Array(trailers)
        nghttp2_submit_response(raw, id, all, all.count, nil)
      }
    }
  }

  /// A plain HTTP refusal.
  func respond(_ id: Int32, httpStatus: Int) {
    var code = Array("\(httpStatus)".utf8)
    code.withUnsafeMutableBufferPointer { code in
      let headers = [header(":status", code)]
      nghttp2_submit_response(raw, id, headers, headers.count, nil)
    }
  }

  /// A plain HTTP response. The stream's queue is the body; without a slot none is sent.
  func respond(_ id: Int32, http reply: HTTPReply, slot: Int?) {
    var code = Array("\(reply.code)".utf8)
    var type = Array(reply.contentType.utf8)
    var length = Array("\(reply.body.readableBytes)".utf8)
    code.withUnsafeMutableBufferPointer { code in
      type.withUnsafeMutableBufferPointer { type in
        length.withUnsafeMutableBufferPointer { length in
          let headers = [
            header(":status", code), header("content-type", type), header("content-length", length),
          ]
          guard let slot else {
            nghttp2_submit_response(raw, id, headers, headers.count, nil)
            return
          }
          var provider = dataProvider(slot: slot)
          nghttp2_submit_response(raw, id, headers, headers.count, &provider)
        }
      }
    }
  }

  func trailers(_ id: Int32, _ status: RPCStatus) {
    withStatusHeaders(status) { trailers in
      nghttp2_submit_trailer(raw, id, trailers.baseAddress, trailers.count)
    }
  }

  /// Opens a stream as a client; returns its id, or a negative number when none can be opened.
  func request(_ head: RequestHead, slot: Int) -> Int32 {
    var path = head.path
    var authority = head.authority
    var timeout = head.timeout.map(TimeoutCoding.encode) ?? []
    return path.withUnsafeMutableBufferPointer { path in
      authority.withUnsafeMutableBufferPointer { authority in
        timeout.withUnsafeMutableBufferPointer { timeout in
          var headers = [
            literal(":method", "POST"),
            literal(":scheme", head.isTLS ? "https" : "http"),
            header(":path", path),
            header(":authority", authority),
            literal("te", "trailers"),
            literal("content-type", "application/grpc"),
            literal("user-agent", "grpc-swift-apus"),
          ]
          if !timeout.isEmpty {
            headers.append(header("grpc-timeout", timeout, flags: NGHTTP2_NV_FLAG_NO_INDEX))
          }
          return submit(&headers, head.metadata.entries[...], slot)
        }
      }
    }
  }

  /// Adds the application's headers one by one, each alive while the next are added.
  private func submit(
    _ headers: inout [nghttp2_nv], _ rest: ArraySlice<RPCMetadata.Entry>, _ slot: Int
  ) -> Int32 {
    guard let entry = rest.first else {
      var provider = dataProvider(slot: slot)
      let user = UnsafeMutableRawPointer(bitPattern: slot + 1)
      return nghttp2_submit_request(raw, nil, headers, headers.count, &provider, user)
    }
    var name = Array(entry.name.utf8)
    var value = Array(entry.value.utf8)
    return name.withUnsafeMutableBufferPointer { name in
      value.withUnsafeMutableBufferPointer { value in
        headers.append(
          nghttp2_nv(
            name: name.baseAddress, value: value.baseAddress, namelen: name.count,
            valuelen: value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        return submit(&headers, rest.dropFirst(), slot)
      }
    }
  }

  // MARK: Header lists

  private static let noFlags = UInt8(NGHTTP2_FLAG_NONE.rawValue)

  private func dataProvider(slot: Int) -> nghttp2_data_provider {
    nghttp2_data_provider(
      source: nghttp2_data_source(ptr: UnsafeMutableRawPointer(bitPattern: slot + 1)),
      read_callback: readOutgoing)
  }

  private func withResponseHeaders(
    _ namesEncodings: Bool, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void
  ) {
    let headers = (
      literal(":status", "200"), literal("content-type", "application/grpc"),
      literal("grpc-accept-encoding", "identity,gzip")
    )
    withUnsafeBytes(of: headers) { bytes in
      let all = bytes.assumingMemoryBound(to: nghttp2_nv.self)
      body(namesEncodings ? all : UnsafeBufferPointer(rebasing: all.dropLast()))
    }
  }

  private func withStatusHeaders(
    _ status: RPCStatus, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void
  ) {
    if status.isOK, status.message.isEmpty {
      let trailer = literal("grpc-status", "0")
      return withUnsafeBytes(of: trailer) { body($0.assumingMemoryBound(to: nghttp2_nv.self)) }
    }
    var code = Array("\(status.code.rawValue)".utf8)
    var message = PercentCoding.encode(status.message)
    code.withUnsafeMutableBufferPointer { code in
      message.withUnsafeMutableBufferPointer { message in
        var trailers = [header("grpc-status", code)]
        if !message.isEmpty {
          trailers.append(header("grpc-message", message, flags: NGHTTP2_NV_FLAG_NO_INDEX))
        }
        trailers.withUnsafeBufferPointer(body)
      }
    }
  }

  /// Both halves are literals, alive for ever: nghttp2 need not copy them.
  private func literal(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
    nghttp2_nv(
      name: UnsafeMutablePointer(mutating: name.utf8Start),
      value: UnsafeMutablePointer(mutating: value.utf8Start),
      namelen: name.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount,
      flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue))
  }

  /// The value is copied by nghttp2 before the submitting call returns.
  private func header(
    _ name: StaticString, _ value: UnsafeMutableBufferPointer<UInt8>,
    flags: nghttp2_nv_flag = NGHTTP2_NV_FLAG_NONE
  ) -> nghttp2_nv {
    nghttp2_nv(
      name: UnsafeMutablePointer(mutating: name.utf8Start), value: value.baseAddress,
      namelen: name.utf8CodeUnitCount, valuelen: value.count,
      flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | flags.rawValue))
  }
}

/// The data of a stream's next DATA frame.
enum OutgoingChunk {
  /// Nothing yet.
  case none
  case some(Int)
  /// These bytes are the last; trailers may follow.
  case last(Int, withTrailers: Bool)
}

/// What a client opens a call with.
struct RequestHead: Sendable {
  var path: [UInt8]
  var authority: [UInt8]
  var isTLS: Bool
  var timeout: TimeAmount?
  var metadata: RPCMetadata
}
