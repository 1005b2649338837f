package import Runtime

/// Exponential pauses between attempts, separate for each reason. Bases and caps are those of TiKV's Go
/// client, except for `noLeader`: an election takes a fraction of a second, and a pause should not add to it.
struct Backoff: Sendable {
  /// Why an attempt has to be repeated.
  enum Reason: Int, CaseIterable, Sendable {
    case regionMiss
    case noLeader
    case transport
    case pd
    case serverBusy
    case staleCommand
    case notInitialized
    case diskFull
    case recovery

    /// The first pause, in milliseconds.
    var baseMs: Double {
      switch self {
      case .regionMiss, .noLeader, .staleCommand, .notInitialized: 2
      case .transport, .recovery: 100
      case .pd, .diskFull: 500
      case .serverBusy: 2000
      }
    }

    /// The longest pause, in milliseconds.
    var capMs: Double {
      switch self {
      case .noLeader: 100
      case .regionMiss: 500
      case .staleCommand, .notInitialized: 1000
      case .transport: 2000
      case .pd: 3000
      case .diskFull: 5000
      case .serverBusy, .recovery: 10_000
      }
    }

    /// Whether half of the pause is random, so that many clients do not retry at once.
    var isJittered: Bool {
      switch self {
      case .transport, .pd, .serverBusy, .diskFull, .recovery: true
      case .regionMiss, .noLeader, .staleCommand, .notInitialized: false
      }
    }
  }

  private var counts = [Int](repeating: 0, count: Reason.allCases.count)

  /// The pause after one more failure for this reason.
  ///
  /// - Parameter random: in 0..<1.
  mutating func next(_ reason: Reason, random: Double) -> Duration {
    let count = min(counts[reason.rawValue], 30)
    counts[reason.rawValue] += 1
    let full = min(reason.baseMs * Double(1 << count), reason.capMs)
    let pause = reason.isJittered ? full / 2 + full / 2 * random : full
    return .microseconds(Int64(pause * 1000))
  }
}

/// The clock and the random source of a client.
package struct ClientTime: Sendable {
  package var clock: any Clock
  /// Throws when the task is cancelled.
  package var sleep: @Sendable (Duration) async throws -> Void
  /// A number in 0..<1.
  package var random: @Sendable () -> Double

  package init(
    clock: any Clock, sleep: @escaping @Sendable (Duration) async throws -> Void,
    random: @escaping @Sendable () -> Double
  ) {
    self.clock = clock
    self.sleep = sleep
    self.random = random
  }

  /// The clock and the random source of the machine.
  package static let system = ClientTime(
    clock: SystemClock(), sleep: { try await Task.sleep(for: $0) },
    random: { Double.random(in: 0..<1) })
}
