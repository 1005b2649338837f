import NIOCore

/// Settings and limits of an HTTP/2 session. Sizes in bytes.
struct SessionLimits: Sendable {
  /// Whether a client marks its connection with `PrioritySetting`.
  var hasPriority = false
  var maxConcurrentStreams: Int
  var connectionWindow: Int
  /// What a peer may send on a new stream before the window is updated.
  var initialWindow: Int
  /// The most that a stream's window is widened to.
  var streamWindow: Int
  /// All by which windows of one connection's streams may be wider than the initial one.
  var extraWindow = Int.max
  /// From here on only one unfinished message of the connection is given more capacity.
  var heldBytes = Int.max
  /// The largest message that is taken.
  var maxMessageBytes: Int
  var maxHeaderListBytes: Int
  var maxUnsentAcknowledgements = 10_000
  var maxSettingsEntries = 32
  /// Frames that wait for a peer who reads nothing.
  var maxUnsentFrames = 16_384
  var resetBurst: Int
  var resetsPerSecond: Int
  /// From the connection's start to the peer's SETTINGS and its acknowledgement of ours.
  var handshakeTimeout: TimeAmount?
  /// A connection that holds memory while it is short must move something in this time.
  var stallTimeout = TimeAmount.seconds(10)
  /// While memory is short, a connection must read a part of what it was responded in this time.
  var readingTimeout = TimeAmount.seconds(1)

  /// What a connection's streams hold when all windows are used and two messages are whole. Only
  /// decompression brings more: what goes beyond is refused.
  var inputLimit: Int {
    let windows = maxConcurrentStreams * initialWindow + min(extraWindow, 1 << 40)
    return windows + min(heldBytes, 1 << 40) + 2 * maxMessageBytes
  }
}
