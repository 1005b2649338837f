/// Counters since the driver's start.
package struct PDStatistics: Sendable, Hashable {
  package var timestamps: UInt64 = 0
  package var heartbeats: UInt64 = 0
  package var refusedHeartbeats: UInt64 = 0
  /// Commands sent to leaders, repetitions counted.
  package var commands: UInt64 = 0
}
