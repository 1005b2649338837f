package import Runtime

/// The keys of one read.
package struct ReadSample: Sendable, Hashable {
  package var start: [UInt8]
  /// Equal to `start` for a single key, empty for no bound.
  package var end: [UInt8]
}

/// The reads of a region in a period in which it was hot.
package struct ReadLoadReport: Sendable {
  package var regionID: UInt64
  package var peerID: UInt64
  package var began: Instant
  package var ended: Instant
  package var queries: UInt64
  package var bytes: UInt64
  package var busy: Duration
  /// Drawn from all reads of the period with equal probability. Empty in the first period.
  package var samples: [ReadSample]
}

/// How much was read.
package struct ReadFlow: Sendable, Hashable {
  /// Of keys and values that were returned.
  package var bytes: UInt64
  package var keys: UInt64

  package init(bytes: UInt64 = 0, keys: UInt64 = 0) {
    self.bytes = bytes
    self.keys = keys
  }

  /// What was added to an earlier count.
  package static func &- (now: ReadFlow, before: ReadFlow) -> ReadFlow {
    ReadFlow(bytes: now.bytes &- before.bytes, keys: now.keys &- before.keys)
  }
}

/// Counts the reads of a region over periods of about a second. Once a period was hot, it also samples the reads of the
/// next one (Vitter's algorithm R).
///
/// It belongs to the region's `ReadDelegate` and is changed under the lock that each read takes anyway. A region that is
/// not hot costs five numbers.
struct ReadLoad: Sendable {
  private let regionID: UInt64
  private let peerID: UInt64
  /// Nil before the first read.
  private var began: Instant?
  private var queries: UInt64 = 0
  private var bytes: UInt64 = 0
  private var busyNanoseconds: UInt64 = 0
  /// Of all reads; it wraps.
  private(set) var flow = ReadFlow()
  /// Nil: reads are not sampled.
  private var sampler: ReadSampler?

  private static let period = Duration.seconds(1)

  init(regionID: UInt64, peerID: UInt64) {
    self.regionID = regionID
    self.peerID = peerID
  }

  /// Counts a read. Returns the period's load if the period is over and was hot.
  @inline(__always)
  mutating func add(
    _ start: [UInt8], _ end: [UInt8], keys: Int, bytes: Int, busy: Duration, now: Instant,
    _ limits: LoadSplitConfig
  ) -> ReadLoadReport? {
    queries &+= 1
    self.bytes &+= UInt64(bytes)
    flow.bytes &+= UInt64(bytes)
    flow.keys &+= UInt64(keys)
    if busy > .zero { busyNanoseconds &+= UInt64(busy.asNanoseconds) }
    if sampler != nil { sampler?.offer(start, end) }
    if let began, now.nanoseconds &- began.nanoseconds < 1_000_000_000 || now < began { return nil }
    return closePeriod(at: now, limits)
  }

  private mutating func closePeriod(
    at now: Instant, _ limits: LoadSplitConfig
  ) -> ReadLoadReport? {
    defer {
      began = now
      queries = 0
      bytes = 0
      busyNanoseconds = 0
    }
    guard let began, isHot((now - began).inSeconds, limits) else {
      sampler = nil
      return nil
    }
    let report = ReadLoadReport(
      regionID: regionID, peerID: peerID, began: began, ended: now, queries: queries, bytes: bytes,
      busy: .nanoseconds(Int64(clamping: busyNanoseconds)), samples: sampler?.samples ?? [])
    sampler = ReadSampler(capacity: limits.sampleCount, seed: regionID ^ now.nanoseconds)
    return report
  }

  private func isHot(_ seconds: Double, _ limits: LoadSplitConfig) -> Bool {
    Double(queries) >= Double(limits.queries) * seconds
      || Double(bytes) >= Double(limits.bytes) * seconds
      || Double(busyNanoseconds) / 1e9 >= limits.busyRatio * seconds
  }
}

/// A uniform sample of bounded size of a stream of unknown length.
struct ReadSampler: Sendable {
  private let capacity: Int
  private(set) var samples: [ReadSample] = []
  private var seen: UInt64 = 0
  private var random: SplitMix64

  /// A longer key is not sampled: it could not be a split key.
  private static let maxKeyBytes = 4096

  init(capacity: Int, seed: UInt64) {
    self.capacity = capacity
    random = SplitMix64(seed: seed)
  }

  mutating func offer(_ start: [UInt8], _ end: [UInt8]) {
    guard start.count <= Self.maxKeyBytes, end.count <= Self.maxKeyBytes else { return }
    seen += 1
    if samples.count < capacity {
      samples.append(ReadSample(start: start, end: end))
      return
    }
    let place = random.next() % seen
    if place < UInt64(capacity) { samples[Int(place)] = ReadSample(start: start, end: end) }
  }
}
