/// Where a connection is between its creation and its end. It never goes back.
enum ConnectionPhase: Equatable {
  /// The channel is not active yet. With `drains`, shutting down was asked for meanwhile.
  case idle(drains: Bool)
  case open
  /// The peer is asked to open no more calls; those under way go on.
  case draining
  /// GOAWAY with an error is queued: nothing that comes matters any more.
  case terminating
  /// The channel is gone.
  case closed

  var isIdle: Bool { if case .idle = self { true } else { false } }

  /// Whether what the peer sends is read.
  var readsInput: Bool {
    switch self {
    case .idle, .open, .draining: true
    case .terminating, .closed: false
    }
  }

  /// The channel is active. False if it was before.
  mutating func start() -> Bool {
    guard case .idle(let drains) = self else { return false }
    self = drains ? .draining : .open
    return true
  }

  /// Asks for the end of new calls. True if the peer is to be notified now; while the connection is idle, that
  /// is done when it starts.
  mutating func drain() -> Bool {
    switch self {
    case .idle:
      self = .idle(drains: true)
      return false
    case .open:
      self = .draining
      return true
    case .draining, .terminating, .closed: return false
    }
  }

  /// False if the connection is being terminated already, or closed.
  mutating func terminate() -> Bool {
    guard readsInput else { return false }
    self = .terminating
    return true
  }

  /// False if the connection is closed already.
  mutating func close() -> Bool {
    guard self != .closed else { return false }
    self = .closed
    return true
  }
}
