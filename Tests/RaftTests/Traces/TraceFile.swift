import Foundation
import Testing

/// A data-driven file on disk.
struct TraceFile: Sendable, CustomTestStringConvertible {
  let url: URL

  var testDescription: String { url.lastPathComponent }

  /// Runs every directive through `execute` and records how its output differs.
  func replay(_ execute: (TraceDirective) throws -> String) throws {
    let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
    let directives = try TraceParser.directives(in: text)
    #expect(!directives.isEmpty, "\(url.lastPathComponent) holds no directive")
    for directive in directives {
      var actual = try execute(directive)
      if !actual.isEmpty && !actual.hasSuffix("\n") { actual += "\n" }
      guard actual != directive.expected else { continue }
      let difference = UnifiedDiff.text(
        expected: directive.expected, actual: actual, file: url.lastPathComponent,
        firstLine: directive.expectedLine)
      Issue.record(
        "\(url.lastPathComponent):\(directive.line): \(directive.command)\n\(difference)")
      // What follows depends on the state reached here.
      return
    }
  }
}

/// A folder of data-driven files: where an environment variable says, or beside the repository.
struct TraceFolder: Sendable {
  let files: [TraceFile]

  static let raft = TraceFolder(variable: "APUS_RAFT_TRACES", name: "raft")
  static let quorum = TraceFolder(variable: "APUS_QUORUM_TRACES", name: "quorum")
  static let confChange = TraceFolder(variable: "APUS_CONFCHANGE_TRACES", name: "confchange")

  private init(variable: String, name: String) {
    let folder: URL
    if let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty {
      folder = URL(fileURLWithPath: path, isDirectory: true)
    } else {
      // Traces/RaftTests/Tests/<package>
      var root = URL(fileURLWithPath: #filePath)
      for _ in 0..<4 { root.deleteLastPathComponent() }
      folder = root.appendingPathComponent("../shared/conformance/\(name)", isDirectory: true)
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    files = names.sorted()
      .filter { !$0.hasPrefix(".") && !$0.hasSuffix("~") && !$0.hasPrefix("#") }
      .map { TraceFile(url: folder.appendingPathComponent($0)) }
  }

  var isPresent: Bool { !files.isEmpty }
}
