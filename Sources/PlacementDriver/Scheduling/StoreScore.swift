import Codec

/// How loaded a store is, as balancing compares stores: PD's second formula, by size while there is space and strongly
/// by free space when there is little.
struct StoreScore {
  private static let gibibyte = Double(1 << 30)
  private static let mebibyte = Double(1 << 20)
  /// Weights are at least this, so that a score is finite.
  static let leastWeight = 1e-6

  /// Bytes of the store's regions once all running operators have finished.
  private let bytes: Double
  private let weight: Double
  /// In GiB, as the store reported.
  private let capacity: Double
  private let available: Double
  private let used: Double
  private let lowSpaceRatio: Double

  init(_ store: StoreRecord, plannedBytes: Double, lowSpaceRatio: Double) {
    bytes = max(0, plannedBytes)
    weight = max(store.regionWeight, Self.leastWeight)
    capacity = Double(store.heartbeat?.capacity ?? 0) / Self.gibibyte
    available = Double(store.heartbeat?.available ?? 0) / Self.gibibyte
    used = Double(store.heartbeat?.usedSize ?? 0) / Self.gibibyte
    self.lowSpaceRatio = lowSpaceRatio
  }

  /// The score after `delta` bytes more or less.
  func score(delta: Double = 0) -> Double {
    let size = max(0, bytes + delta) / Self.mebibyte
    var expectedUse = used
    if bytes > 0 {
      let grown = used * (1 + delta / bytes)
      if grown >= used / 2, grown <= used * 2 { expectedUse = grown }
    }
    let other = max(0, capacity - available - used)
    let free = min(capacity, max(0, capacity - expectedUse - other))
    let low = max(50, capacity * (1 - lowSpaceRatio))
    let factor: Double
    var penalty = 0.0
    if free >= capacity || capacity < 1 {
      factor = 1
    } else if free > low {
      factor =
        1 + 256 * (Self.log(capacity) - Self.log(free - low + 1)) / (capacity - free + low - 1)
    } else {
      factor = 1 + 256 * Self.log(capacity) / capacity
      penalty = 1e10 * (low - free) / low
    }
    return (factor * size + penalty) / weight
  }

  /// A natural logarithm, linear between powers of two: close enough to compare stores by, monotonic, and the same on
  /// every platform.
  private static func log(_ value: Double) -> Double {
    guard value > 1 else { return 0 }
    return 0.693_147_180_559_945 * (Double(value.exponent) + value.significand - 1)
  }
}
