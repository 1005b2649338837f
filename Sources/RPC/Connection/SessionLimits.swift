/// What an HTTP/2 session promises and tolerates.
struct SessionLimits: Sendable {
  /// Whether a client marks its connection with `PriorityMark`.
  var hasPriority = false
  var maxConcurrentStreams: Int
  var connectionWindow: Int
  var streamWindow: Int
  var maxHeaderListBytes: Int
  var maxUnsentAcknowledgements: Int
  var maxSettingsEntries: Int
  var resetBurst: Int
  var resetsPerSecond: Int
}
