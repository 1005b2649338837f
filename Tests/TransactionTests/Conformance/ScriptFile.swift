import Foundation
import Testing

/// One line of a script: `COMMAND [=> EXPECTED]`.
struct ScriptStep: Sendable {
  let line: Int
  let text: String
  let command: String
  /// Words without `=`, those with `@` and flags included.
  let words: [String]
  let fields: [String: String]
  /// What follows ` : `; empty if nothing does.
  let tail: String
  /// `ok` if the line expects nothing.
  let expected: String

  init(_ text: String, line: Int) {
    self.line = line
    self.text = text
    var body = text
    var expected = "ok"
    if let arrow = text.range(of: " => ") {
      body = String(text[..<arrow.lowerBound])
      expected = String(text[arrow.upperBound...])
    }
    self.expected = expected.trimmingCharacters(in: .whitespaces)
    var head = body.trimmingCharacters(in: .whitespaces)
    var tail = ""
    if let colon = head.range(of: " : ") {
      tail = String(head[colon.upperBound...])
      head = String(head[..<colon.lowerBound])
    }
    self.tail = tail
    var parts = head.split(separator: " ").map(String.init)
    command = parts.isEmpty ? "" : parts.removeFirst()
    (words, fields) = Self.split(parts)
  }

  /// Separates `name=value` from other words.
  static func split(_ parts: [String]) -> (words: [String], fields: [String: String]) {
    var words: [String] = []
    var fields: [String: String] = [:]
    for part in parts {
      if let equal = part.firstIndex(of: "="), equal != part.startIndex {
        fields[String(part[..<equal])] = String(part[part.index(after: equal)...])
      } else {
        words.append(part)
      }
    }
    return (words, fields)
  }

  /// The words without `@` and without a position of their own.
  var positional: [String] { words.filter { !$0.hasPrefix("@") } }
  var tailWords: [String] { tail.split(separator: " ").map(String.init) }

  func has(_ flag: String) -> Bool { words.contains(flag) }
}

/// A case of a script.
struct ScriptCase: Sendable {
  let name: String
  var steps: [ScriptStep]
}

/// A data-driven file of transaction commands.
struct ScriptFile: Sendable, CustomTestStringConvertible {
  let url: URL

  var testDescription: String { url.lastPathComponent }

  func cases() throws -> [ScriptCase] {
    Self.cases(in: String(decoding: try Data(contentsOf: url), as: UTF8.self))
  }

  static func cases(in text: String) -> [ScriptCase] {
    var cases: [ScriptCase] = []
    for (index, part) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let line = part.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("src ") || line.hasPrefix("note ") {
        continue
      }
      if line.hasPrefix("case ") {
        cases.append(ScriptCase(name: String(line.dropFirst(5)), steps: []))
      } else if !cases.isEmpty {
        cases[cases.count - 1].steps.append(ScriptStep(line, line: index + 1))
      }
    }
    return cases
  }
}

/// The folder of the scripts: where an environment variable says, or beside the repository.
struct ScriptFolder: Sendable {
  let files: [ScriptFile]

  static let transactions = ScriptFolder()

  private init() {
    let url = Self.place("APUS_TXN_TRACES", "txn")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    files = names.sorted().filter { $0.hasSuffix(".txt") }
      .map { ScriptFile(url: url.appendingPathComponent($0)) }
  }

  var isPresent: Bool { !files.isEmpty }

  /// The model that computes what a script returns; it need not exist.
  static var model: URL { place("APUS_TXN_MODEL", "txnmodel.py") }

  private static func place(_ variable: String, _ name: String) -> URL {
    if let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty {
      return URL(fileURLWithPath: path)
    }
    // Conformance/TransactionTests/Tests/<package>
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    return root.appendingPathComponent("../shared/conformance/\(name)")
  }
}
