import NIOCore

/// Rate limits of frames that are cheap to send and expensive to handle. Each check is false once a
/// peer overdoes it: the connection is to end with ENHANCE_YOUR_CALM.
struct FrameRateLimits {
  /// Empty DATA, PING, PRIORITY, SETTINGS, empty messages.
  private var control: RateLimit
  /// A SETTINGS frame may change the window of every stream.
  private var settings: RateLimit
  /// Streams that we had to reset for what the peer did.
  private var faults: RateLimit
  /// Header lists above the limit.
  private var headers: RateLimit
  /// Calls that did not come to their end, less those that did.
  private var cancellations: RateLimit
  private var windowUpdates = 0
  private var framesSent = 0

  init(now: NIODeadline) {
    control = RateLimit(burst: 20_000, perSecond: 10_000, now: now)
    settings = RateLimit(burst: 64, perSecond: 10, now: now)
    faults = RateLimit(burst: 1000, perSecond: 100, now: now)
    headers = RateLimit(burst: 8, perSecond: 1, now: now)
    cancellations = RateLimit(burst: Self.cancellationBurst, perSecond: 200, now: now)
  }

  mutating func admitsControl(at now: NIODeadline) -> Bool { control.take(at: now) }
  mutating func admitsSettings(at now: NIODeadline) -> Bool { settings.take(at: now) }
  mutating func admitsFault(at now: NIODeadline) -> Bool { faults.take(at: now) }
  mutating func admitsHeaders(at now: NIODeadline) -> Bool { headers.take(at: now) }

  /// A call costs the work of a response, also when its client resets the stream right after the request.
  /// Clients whose calls run into their deadlines cancel as many as they have open, and again.
  static let cancellationBurst: Int64 = 2000

  mutating func admitsCancellation(at now: NIODeadline) -> Bool { cancellations.take(at: now) }
  mutating func completedCall() { cancellations.giveBack() }

  mutating func sentFrame() { framesSent &+= 1 }

  /// A peer widens windows for what it has been sent, at most for the stream and the connection each.
  mutating func admitsWindowUpdate() -> Bool {
    windowUpdates &+= 1
    return windowUpdates <= 10_000 &+ 16 &* framesSent
  }
}
