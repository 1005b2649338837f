package import Runtime

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

  package static let system = ClientTime(
    clock: SystemClock(), sleep: { try await Task.sleep(for: $0) },
    random: { Double.random(in: 0..<1) })
}
