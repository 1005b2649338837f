import Foundation

/// A new directory that is removed with this object.
package final class TemporaryDirectory: Sendable {
  package let path: String

  /// - Parameter name: the start of the directory's name, for whoever finds one that a crash has left.
  package init(_ name: String) throws {
    path =
      FileManager.default.temporaryDirectory.path(percentEncoded: false)
      + "apus-\(name)-\(UUID().uuidString.lowercased())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    // No test depends on the removal; what is left is the system's to clear.
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file or directory in it.
  package func child(_ name: String) -> String { path + "/" + name }
}
