import Foundation

/// Widenings of tests that take too long for every run.
enum LongTests {
  /// Whether `APUS_LONG_TESTS` is set.
  static var areOn: Bool { ProcessInfo.processInfo.environment["APUS_LONG_TESTS"] != nil }

  /// Random inputs of a decoder: `APUS_FUZZ`, or a few.
  static var fuzzRounds: Int {
    ProcessInfo.processInfo.environment["APUS_FUZZ"].flatMap(Int.init) ?? 20_000
  }
}
