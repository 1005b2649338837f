/// Reads a data-driven file into directives.
struct TraceParser {
  private let lines: [String]
  private var next = 0

  static func directives(in text: String) throws -> [TraceDirective] {
    var parser = TraceParser(text)
    var result: [TraceDirective] = []
    while let directive = try parser.nextDirective() { result.append(directive) }
    return result
  }

  private init(_ text: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    self.lines = lines
  }

  private mutating func takeLine() -> String? {
    guard next < lines.count else { return nil }
    next += 1
    return lines[next - 1]
  }

  private mutating func nextDirective() throws -> TraceDirective? {
    while let raw = takeLine() {
      var line = raw.trimmed
      if line.isEmpty || line.hasPrefix("#") { continue }
      let start = next
      while line.hasSuffix("\\") {
        line = String(line.dropLast()).trimmed + " " + (takeLine() ?? "").trimmed
      }
      var directive = try Self.parse(line, at: start)
      // A subtest marker has neither input nor output.
      if directive.command == "subtest" { continue }
      directive.input = readInput()
      directive.expectedLine = next + 1
      directive.expected = readExpected(&directive.expectedLine)
      return directive
    }
    return nil
  }

  private mutating func readInput() -> String {
    var input: [String] = []
    while let line = takeLine(), line != "----" { input.append(line) }
    return input.joined(separator: "\n").trimmed
  }

  private mutating func readExpected(_ firstLine: inout Int) -> String {
    var output: [String] = []
    if next < lines.count, lines[next] == "----" {
      next += 1
      firstLine += 1
      while let line = takeLine() {
        if line == "----", next < lines.count, lines[next] == "----" {
          next += 1
          break
        }
        output.append(line)
      }
    } else {
      while let line = takeLine(), !line.trimmed.isEmpty { output.append(line) }
    }
    return output.map { $0 + "\n" }.joined()
  }

  // MARK: The directive line

  static func parse(_ line: String, at number: Int) throws -> TraceDirective {
    var rest = line[...]
    let command = rest.prefix { $0 != " " }
    rest = rest.dropFirst(command.count)
    var directive = TraceDirective(command: String(command), line: number)
    while true {
      rest = rest.drop { $0 == " " }
      if rest.isEmpty { return directive }
      let key = rest.prefix { $0 != " " && $0 != "=" }
      rest = rest.dropFirst(key.count)
      var argument = TraceDirective.Argument(key: String(key))
      if rest.first == "=" {
        rest = rest.dropFirst()
        if rest.first == "(" {
          argument.values = try list(&rest, line: number)
        } else {
          let value = rest.prefix { $0 != " " }
          rest = rest.dropFirst(value.count)
          argument.values = [String(value)]
        }
      }
      directive.arguments.append(argument)
    }
  }

  /// Values between parentheses, split at the commas of the outermost level.
  private static func list(_ rest: inout Substring, line: Int) throws -> [String] {
    rest = rest.dropFirst()
    var values: [String] = []
    var value = ""
    var depth = 0
    while let character = rest.popFirst() {
      switch character {
      case ")" where depth == 0:
        if !values.isEmpty || !value.isEmpty { values.append(value) }
        return values
      case "," where depth == 0:
        values.append(value)
        value = ""
        rest = rest.drop { $0 == " " }
        continue
      case "(": depth += 1
      case ")": depth -= 1
      default: break
      }
      value.append(character)
    }
    throw TraceError("line \(line): missing closing parenthesis")
  }
}

extension String {
  var trimmed: String {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" }
    let head = drop(while: isSpace)
    guard let last = head.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(head[...last])
  }
}
