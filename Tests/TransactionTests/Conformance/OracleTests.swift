import Foundation
import Testing

/// Random scripts against a model of the rules, which is written in another language.
struct OracleTests {
  private static let isPresent = FileManager.default.fileExists(atPath: ScriptFolder.model.path)

  private static func setting(_ name: String, _ usual: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? usual
  }

  /// `APUS_TXN_ORACLE_CASES` and `APUS_TXN_ORACLE_SEED` widen it.
  @Test(.enabled(if: isPresent, "no model"))
  func randomScripts() throws {
    let count = Self.setting("APUS_TXN_ORACLE_CASES", 12)
    let seed = Self.setting("APUS_TXN_ORACLE_SEED", 1)
    var text = ""
    for index in 0..<count {
      var generator = ScriptGenerator(seed: seed &* 1_000_003 &+ index)
      text += generator.script("random-\(index)", steps: 40)
    }
    let expected = try Self.run(text)
    var steps = 0
    for script in ScriptFile.cases(in: text) {
      let store = ScriptStore(try memoryEngine())
      for (index, step) in script.steps.enumerated() {
        // Without a line the model has given up: the state is one that no transaction can reach.
        guard let model = expected[step.line], !model.hasPrefix("PANIC") else { break }
        steps += 1
        let result = try store.run(step)
        guard !result.matches(model, command: step.command) else { continue }
        let history = script.steps[...index].map(\.text)
          .filter { !$0.hasPrefix("lock?") && !$0.hasPrefix("writes?") }
          .filter { !$0.hasPrefix("default?") && $0 != "maxts" }
        Issue.record(
          """
          \(script.name): \(step.text)
          model:    \(model)
          returned: \(result)
          after:
          \(history.joined(separator: "\n"))
          """)
        break
      }
    }
    #expect(steps > Int(count) * 100, "the model has given up too often: \(steps) steps")
  }

  /// What the model returns, by line.
  private static func run(_ text: String) throws -> [Int: String] {
    let script = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-oracle-\(UUID().uuidString).txt")
    try text.write(to: script, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: script) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-B", ScriptFolder.model.path, "-v", script.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    var results: [Int: String] = [:]
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":"), let number = Int(line[..<colon]),
        let arrow = line.range(of: " => ", options: .backwards)
      else { continue }
      results[number] = String(line[arrow.upperBound...])
    }
    return results
  }
}
