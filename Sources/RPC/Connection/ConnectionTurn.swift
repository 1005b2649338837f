import NIOCore

/// What a connection does in the present event of its loop, and the time of that event.
struct ConnectionTurn {
  /// From the first bytes of a read event to its end.
  var isReading = false
  /// While the connection writes all that it can.
  var isFlushing = false
  /// Set only while the connection reads or flushes.
  private var now: NIODeadline?

  /// Whether what there is to write will be written by the end of the event, without being asked for.
  var isBusy: Bool { isReading || isFlushing }

  /// The time of the event: `clock` is read at most once in it.
  mutating func time(_ clock: () -> NIODeadline = NIODeadline.now) -> NIODeadline {
    if let now { return now }
    let time = clock()
    if isBusy { now = time }
    return time
  }

  /// The event is over: its time is not that of the next.
  mutating func forgetTime() { now = nil }
}

/// One timer for the deadlines of all calls of a connection.
struct DeadlineTimer {
  /// Deadlines that are closer together than this need no other time.
  private static let tolerance = TimeAmount.milliseconds(1)

  private var timer: Scheduled<Void>?
  /// When `timer` fires; distant future if there is none.
  private(set) var time = NIODeadline.distantFuture

  /// Moves the timer if `deadline` is earlier than all before it.
  mutating func watch(
    _ deadline: NIODeadline, _ schedule: (NIODeadline) -> Scheduled<Void>
  ) {
    guard deadline + Self.tolerance < time else { return }
    timer?.cancel()
    time = deadline
    timer = schedule(deadline)
  }

  /// The timer has fired.
  mutating func fired() {
    timer = nil
    time = .distantFuture
  }

  mutating func cancel() {
    timer?.cancel()
    fired()
  }
}
