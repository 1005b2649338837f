import NIOCore
import Runtime

/// Whether a snapshot stream brings enough to keep its slot: something within each `patience`, and after
/// the first minutes what the slowest sender would bring on average. Time in which chunks that have
/// arrived wait for the disk does not count.
struct SnapshotProgressWatch {
  enum Verdict: Equatable {
    /// To be looked at again after that time.
    case goesOn(Duration)
    case stalled(String)
  }

  /// As the sender's own limits: slower, and it gives up too.
  static let slowestBytesPerSecond: UInt64 = 1 << 20
  static let firstMinutes = Duration.seconds(600)

  private let patience: Duration
  private let start: NIODeadline
  private var lastWritten: NIODeadline
  /// Chunks that have arrived and are not written yet.
  private var waiting = 0
  private var bytes: UInt64 = 0

  init(patience: Duration, now: NIODeadline) {
    self.patience = patience
    start = now
    lastWritten = now
  }

  mutating func arrived(_ count: Int) {
    waiting += 1
    bytes += UInt64(count)
  }

  mutating func written(at now: NIODeadline) {
    waiting -= 1
    lastWritten = now
  }

  func check(at now: NIODeadline) -> Verdict {
    if waiting > 0 { return .goesOn(patience) }
    let silence = Duration(now - lastWritten)
    if silence >= patience {
      return .stalled("the snapshot stream brought nothing for \(patience)")
    }
    let whole = Duration(now - start)
    if whole > Self.firstMinutes + .seconds(Int64(bytes / Self.slowestBytesPerSecond)) {
      return .stalled("the snapshot stream brought \(bytes) bytes in \(whole)")
    }
    return .goesOn(patience - silence)
  }
}
