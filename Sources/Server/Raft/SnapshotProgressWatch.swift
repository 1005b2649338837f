import NIOCore
import Runtime

/// Detects a snapshot stream that is too slow to keep its slot: one without data for `timeout`, or one that after
/// ten minutes is slower than the slowest permitted sender. Time in which received chunks wait for the disk does
/// not count.
struct SnapshotProgressWatch {
  /// The result of a check.
  enum Verdict: Equatable {
    /// To be checked again after that time.
    case continues(Duration)
    /// To be ended, with a reason.
    case stalled(String)
  }

  /// The sender's own limit of time follows from the same two values.
  static let minBytesPerSecond: UInt64 = 1 << 20
  static let gracePeriod = Duration.seconds(600)

  private let timeout: Duration
  private let start: NIODeadline
  private var lastWritten: NIODeadline
  /// Received chunks that are not written yet.
  private var waiting = 0
  private var bytes: UInt64 = 0

  init(timeout: Duration, now: NIODeadline) {
    self.timeout = timeout
    start = now
    lastWritten = now
  }

  /// A chunk of `count` bytes was received.
  mutating func arrived(_ count: Int) {
    waiting += 1
    bytes += UInt64(count)
  }

  /// A chunk was written.
  mutating func written(at now: NIODeadline) {
    waiting -= 1
    lastWritten = now
  }

  /// Whether the stream may continue.
  func check(at now: NIODeadline) -> Verdict {
    if waiting > 0 { return .continues(timeout) }
    let silence = Duration(now - lastWritten)
    if silence >= timeout {
      return .stalled("no snapshot data for \(timeout)")
    }
    let whole = Duration(now - start)
    if whole > Self.gracePeriod + .seconds(Int64(bytes / Self.minBytesPerSecond)) {
      return .stalled("only \(bytes) bytes of snapshot data in \(whole)")
    }
    return .continues(timeout - silence)
  }
}
