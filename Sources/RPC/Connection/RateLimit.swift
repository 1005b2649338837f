import NIOCore

/// A bucket of tokens that fills at a steady rate.
struct RateLimit {
  private let burst: Int64
  private let nanosecondsPerToken: Int64
  private var tokens: Int64
  private var filled: NIODeadline

  init(burst: Int64, perSecond: Int64, now: NIODeadline) {
    self.burst = burst
    nanosecondsPerToken = 1_000_000_000 / perSecond
    tokens = burst
    filled = now
  }

  /// One token more.
  mutating func giveBack() { tokens = min(burst, tokens + 1) }

  /// False when there is no token left.
  mutating func take(at now: NIODeadline) -> Bool {
    let gained = max(0, (now - filled).nanoseconds / nanosecondsPerToken)
    if gained > 0 {
      tokens = min(burst, tokens + gained)
      filled = now
    }
    guard tokens > 0 else { return false }
    tokens -= 1
    return true
  }
}
