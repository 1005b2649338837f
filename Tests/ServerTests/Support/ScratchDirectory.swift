import FoundationEssentials

/// A directory that goes with the test.
final class ScratchDirectory: Sendable {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory.path + "/apus-server-tests-"
      + UUID().uuidString.lowercased()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    // Nothing depends on it any more; what cannot be removed stays for the system to clear.
    try? FileManager.default.removeItem(atPath: path)
  }
}
