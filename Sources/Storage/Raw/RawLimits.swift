/// What raw requests may ask for.
package struct RawLimits: Sendable {
  /// Longest key a write may have, bytes.
  package var maxKeySize = 8 << 10
  /// Ranges of one `RawBatchScan`.
  package var maxRanges = 10_240

  package init() {}
}
