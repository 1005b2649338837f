import Raftstore
import Runtime
import Testing

@testable import Server

/// Configuration files that a recursive parser would run out of stack on.
@Suite struct ConfigurationDepthTests {
  private func problem(_ text: String) -> String? {
    do throws(ConfigurationFile.Invalid) {
      _ = try ConfigurationFile(path: "f.toml", text: text)
      return nil
    } catch {
      return error.description
    }
  }

  private func repeated(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
  }

  @Test("Refuses deep nesting and names the line", arguments: [32, 100_000])
  func refusesDeepTexts(depth: Int) {
    let dots = repeated("a.", depth) + "b"
    for text in ["\(dots) = 1", "[\(dots)]", "[[\(dots)]]", "x = { \(dots) = 1 }"] {
      #expect(
        problem("[server]\n" + text)?.contains("line 2: a key has more than 32 parts") == true)
    }
    let quoted = repeated("\"a.#\" . ", depth) + "b = 1"
    #expect(problem("\n" + quoted)?.contains("line 2: a key has") == true)
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
      let text = "x = " + repeated(open, depth + 1) + "1" + repeated(close, depth + 1)
      #expect(problem(text)?.contains("line 1: values are nested") == true)
    }
  }

  @Test("Brackets and dots in strings and comments are not nesting")
  func acceptsFlatTexts() {
    let dots = repeated("a.", 100)
    let brackets = repeated("[", 100)
    for text in [
      "a = \"\(dots)\(brackets)\"", "a = '\(dots)\(brackets)'", "# \(dots)\(brackets)",
      "a = \"\"\"\n\(dots)\"\n\(brackets)\"\"\"", "a = '''\n\(dots)\n\(brackets)'''",
      "a = \"\\\"\(dots)\"", "a = [\(repeated("1.5, ", 100))]", repeated("[[a]]\nb = 1.5\n", 100),
      repeated("a.", 31) + "b = 1", "x = " + repeated("[", 32) + repeated("]", 32),
    ] {
      #expect(problem(text) == nil, "\(text.prefix(40))")
    }
  }

  /// The deepest text that passes is no trouble to read.
  @Test("Accepts nesting at the limit")
  func acceptsTheLimit() throws {
    let key = repeated("a.", 31) + "b"
    let text = "[\(key)]\n" + "\(key) = " + repeated("{ \(key) = ", 32) + "1" + repeated(" }", 32)
    var file = try ConfigurationFile(path: "f.toml", text: text)
    var configuration = NodeConfiguration()
    try file.apply(to: &configuration)
    #expect(file.ignored == ["a.a"])
  }

  @Test("A listen address has no scheme")
  func listenAddresses() throws {
    for key in ["addr", "advertise-addr", "status-addr", "advertise-status-addr"] {
      var file = try ConfigurationFile(
        path: "f.toml", text: "[server]\n\(key) = \"http://127.0.0.1:1\"")
      var configuration = NodeConfiguration()
      #expect(throws: ConfigurationFile.Invalid.self) { try file.apply(to: &configuration) }
    }
    var file = try ConfigurationFile(path: "f.toml", text: "[pd]\nendpoints = [\"http://a:1\"]")
    var configuration = NodeConfiguration()
    try file.apply(to: &configuration)
    #expect(configuration.pdEndpoints == [HostPort(host: "a", port: 1)])
  }
}
