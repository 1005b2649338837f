package import Runtime

/// The time and chance a client works by.
package struct ClientTime: Sendable {
  package var clock: any Clock
  /// Throws when the task is cancelled.
  package var sleep: @Sendable (Duration) async throws -> Void
  /// A number in 0..<1.
  package var chance: @Sendable () -> Double

  package init(
    clock: any Clock, sleep: @escaping @Sendable (Duration) async throws -> Void,
    chance: @escaping @Sendable () -> Double
  ) {
    self.clock = clock
    self.sleep = sleep
    self.chance = chance
  }

  package static let system = ClientTime(
    clock: SystemClock(), sleep: { try await Task.sleep(for: $0) },
    chance: { Double.random(in: 0..<1) })
}
