import Codec
import Runtime

/// Decides from the reads of several hot periods in a row whether a key divides the load of a region, and which.
struct LoadSplitDetector {
  private var periods = 0
  private var lastEnd: Instant?
  /// Of all periods so far; at most `sampleCount * detectTimes`.
  private var samples: [ReadSample] = []

  /// Periods follow each other if no more time than this is between them.
  private static let longestGap = Duration.seconds(2)

  /// Takes one more hot period. Returns the key once enough periods have shown that there is one; nil otherwise.
  mutating func add(_ report: ReadLoadReport, _ config: LoadSplitConfig) -> [UInt8]? {
    if let lastEnd, report.began - lastEnd > Self.longestGap || report.began < lastEnd { reset() }
    lastEnd = report.ended
    // The first period of a region that becomes hot has no samples yet.
    guard !report.samples.isEmpty else { return nil }
    periods += 1
    samples += report.samples
    guard periods >= config.detectTimes else { return nil }
    defer { reset() }
    guard samples.count >= config.sampleThreshold else { return nil }
    return splitKey(config)
  }

  /// The region is another one, or this peer leads no more.
  mutating func reset() { self = LoadSplitDetector() }

  /// Of some of the keys at which reads started the one that divides the reads best.
  private func splitKey(_ config: LoadSplitConfig) -> [UInt8]? {
    var best: (key: [UInt8], score: Double)?
    // Samples are in random order within a period: every n-th of them is as good as any.
    let step = max(1, samples.count / max(1, config.sampleCount))
    for index in stride(from: 0, to: samples.count, by: step) {
      let key = samples[index].start
      guard let score = score(of: key, config), score < best?.score ?? .infinity else { continue }
      best = (key, score)
    }
    return best?.key
  }

  /// The lower the better; nil if the key must not be used.
  private func score(of key: [UInt8], _ config: LoadSplitConfig) -> Double? {
    var (left, right, contained) = (0, 0, 0)
    for sample in samples {
      if sample.start == sample.end {
        if precedes(sample.start, key) { left += 1 } else { right += 1 }
      } else if !sample.end.isEmpty, !precedes(key, sample.end) {
        left += 1
      } else if !precedes(sample.start, key) {
        right += 1
      } else {
        contained += 1
      }
    }
    guard left + right > 0 else { return nil }
    let balance = Double(abs(left - right)) / Double(left + right)
    let spanning = Double(contained) / Double(left + right + contained)
    guard balance < config.balanceScore, spanning < config.containedScore else { return nil }
    return balance + spanning
  }
}
