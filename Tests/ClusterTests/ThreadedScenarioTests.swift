import TestSupport
import Testing

/// TinyKV's `GenericTest` in all its variants, on threads and RocksDB.
@Suite struct ThreadedScenarioTests {
  @Test(arguments: GenericScenario.all)
  func whatIsWrittenIsReadBack(scenario: GenericScenario) async throws {
    try await onThread { try ScenarioRun(scenario: scenario, seed: 1).run() }
  }
}
