import Runtime

/// How fast stores get and lose peers: a token bucket for each store and direction. A small region costs less than a
/// large one, and an empty one nothing.
struct StoreLimits: Sendable {
  enum Direction: Int, Sendable, Hashable, CaseIterable {
    case addPeer
    case removePeer

    /// The name in settings and on the command line.
    var name: String {
      switch self {
      case .addPeer: "add-peer"
      case .removePeer: "remove-peer"
      }
    }
  }

  /// A rate of so many regions per minute is no limit.
  static let unlimited = 100_000_000.0
  /// What a region of more than 20 MiB costs.
  private static let fullCost = 1000.0
  private static let smallCost = 200.0

  private struct Key: Hashable {
    var store: UInt64
    var direction: Direction
  }

  private struct Bucket {
    var tokens: Double
    var at: Instant
  }

  /// Buckets that are not known to be full.
  private var buckets: [Key: Bucket] = [:]

  /// What a region of that many bytes costs.
  static func cost(_ bytes: UInt64) -> Double {
    switch bytes {
    case ...(1 << 20): 0
    case ...(20 << 20): smallCost
    default: fullCost
    }
  }

  /// Whether the store's bucket holds what a region costs.
  ///
  /// - Parameter rate: regions of full cost per minute.
  func allows(
    _ cost: Double, _ store: UInt64, _ direction: Direction, rate: Double, at now: Instant
  ) -> Bool {
    cost == 0 || rate >= Self.unlimited
      || tokens(Key(store: store, direction: direction), rate, now) >= cost
  }

  /// Takes what a region costs; the bucket may go below zero.
  mutating func take(
    _ cost: Double, _ store: UInt64, _ direction: Direction, rate: Double, at now: Instant
  ) {
    guard cost > 0, rate < Self.unlimited else { return }
    let key = Key(store: store, direction: direction)
    buckets[key] = Bucket(tokens: tokens(key, rate, now) - cost, at: now)
  }

  private func tokens(_ key: Key, _ rate: Double, _ now: Instant) -> Double {
    let perSecond = rate / 60 * Self.fullCost
    let burst = max(Self.fullCost, perSecond)
    guard let bucket = buckets[key] else { return burst }
    let passed = now - bucket.at
    let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
    return min(burst, bucket.tokens + max(0, seconds) * perSecond)
  }
}
