/// When a leader divides a region because of the reads it gets. Names and defaults are TiKV's, section `[split]`.
package struct LoadSplitConfig: Sendable {
  /// Reads per second from which on a region is hot.
  package var queries: UInt64 = 3000
  /// Bytes read per second from which on a region is hot.
  package var bytes: UInt64 = 30 << 20
  /// Seconds of work on long reads per second from which on a region is hot: the share of one thread. TiKV: CPU time.
  package var busyRatio = 0.25
  /// Seconds in a row that a region must be hot.
  package var detectTimes = 10
  /// Reads that are sampled in each second, and keys that are considered in the end.
  package var sampleCount = 20
  /// Sampled reads without which nothing is decided.
  package var sampleThreshold = 100
  /// The part of the reads on one side of a key by which they may exceed those on the other side, 0...1.
  package var balanceScore = 0.8
  /// The part of the reads that may span the key, 0...1: each of them costs a request more after the split.
  package var containedScore = 0.5
}
