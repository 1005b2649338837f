import Foundation
import Testing

/// The tables that pair the names of other projects' tests with ours, `Tests/*/*Counterparts.md`: that what they name
/// exists (tests, faults and mutants of the simulation, members of types, scripts), and that every row says what there
/// is, or `none` and why.
struct CounterpartTests {
  // MARK: Tests that exist

  /// The functions with `@Test` of every suite in `Tests`, by the name of the suite.
  static func testFunctions(_ files: [SourceTree.File]) -> [String: Set<String>] {
    var found: [String: Set<String>] = [:]
    for file in files where file.path.hasPrefix("Tests/") {
      var suite = ""
      var isTest = false
      for index in file.lines.indices {
        let code = file.code(index)
        let words = code.split(whereSeparator: { " (<:{".contains($0) }).map(String.init)
        // A suite's tests are indented by two.
        if file.indent(index) == 0,
          let at = words.firstIndex(where: { ["struct", "class", "extension"].contains($0) }),
          at + 1 < words.count
        {
          suite = words[at + 1]
        }
        if file.indent(index) == 2, code.contains("@Test") { isTest = true }
        if isTest, let at = words.firstIndex(of: "func"), at + 1 < words.count {
          found[suite, default: []].insert(words[at + 1])
          isTest = false
        }
      }
    }
    return found
  }

  // MARK: Other names

  /// What a row may name in back-quotes besides Swift tests.
  struct Names {
    /// Faults and mutants of the simulation.
    var simulation: Set<String> = []
    /// Types of the product.
    var types: Set<String> = []
    /// Functions, properties and cases of any type of the product.
    var members: Set<String> = []
    /// Python tests as `file.function`.
    var processTests: Set<String> = []

    private static let kinds: Set<Substring> = [
      "struct", "class", "enum", "actor", "protocol", "extension", "typealias",
    ]

    /// - Parameter python: process tests by the names of their files without `.py`.
    init(_ files: [SourceTree.File], python: [String: String]) {
      for file in files {
        let isFaultKind = file.path.hasSuffix("/FaultKind.swift")
        if isFaultKind || file.path.hasPrefix("Sources/SimulationMutants/") {
          for line in file.lines {
            simulation.formUnion(line.matches(of: /"([a-z]+(?:-[a-z]+)*)"/).map { String($0.1) })
          }
        }
        guard file.path.hasPrefix("Sources/") else { continue }
        for index in file.lines.indices {
          let words = file.code(index).split(whereSeparator: { " (<:{=,.".contains($0) })
          for (word, name) in zip(words, words.dropFirst()) {
            if Self.kinds.contains(word) { types.insert(String(name)) }
            if ["func", "var", "let", "case"].contains(word) { members.insert(String(name)) }
          }
          if isFaultKind, words.first == "case" {
            simulation.formUnion(words.dropFirst().map(String.init))
          }
        }
      }
      for (file, text) in python {
        for match in text.matches(of: /(?m)^def (test_\w+)/) {
          processTests.insert("\(file).\(match.1)")
        }
      }
    }

    /// Names in back-quotes that nothing has. What has another form than those that are known is taken as it is.
    func unknown(_ cell: String) -> [String] {
      cell.matches(of: /`([^`]+)`/).map { String($0.1) }.filter { name in
        if name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil { return !simulation.contains(name) }
        if name.wholeMatch(of: /test_\w+\.test_\w+/) != nil { return !processTests.contains(name) }
        guard let match = name.wholeMatch(of: /([A-Z]\w+)(?:\.([a-z]\w*))?/),
          !match.1.hasSuffix("Tests")
        else { return false }
        return !types.contains(String(match.1))
          || match.2.map { !members.contains(String($0)) } ?? false
      }
    }
  }

  // MARK: Tables

  struct Row: Equatable {
    var line: Int
    /// The other project's test, or several of them in one row.
    var theirs: String
    /// Our tests, or `none` and why.
    var ours: String
    /// What the heading above says: of so many, so many have a counterpart.
    var section: String

    var isWithout: Bool { ours.hasPrefix("none") }
  }

  static func rows(_ text: String) -> [Row] {
    var rows: [Row] = []
    var section = ""
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if line.hasPrefix("#") { section = String(line) }
      guard line.hasPrefix("|"), !line.hasPrefix("|---") else { continue }
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst()
        .map { $0.trimmingCharacters(in: .whitespaces) }
      // The names of the columns.
      if index + 1 < lines.count, lines[index + 1].hasPrefix("|---") { continue }
      rows.append(
        Row(
          line: index + 1, theirs: cells.first ?? "", ours: cells.count > 2 ? cells[1] : "",
          section: section))
    }
    return rows
  }

  /// What is wrong with a row; nil if nothing.
  static func problem(_ row: Row, _ tests: [String: Set<String>], _ names: Names) -> String? {
    if row.theirs.isEmpty || row.ours.isEmpty { return "an empty cell" }
    for quoted in names.unknown(row.ours) { return "there is no \(quoted)" }
    if row.isWithout, row.ours.count <= "none: ".count + 4 { return "none, without a reason" }
    let references = references(row)
    if references.isEmpty, !row.isWithout {
      return row.ours.contains("`") ? nil : "no test of ours"
    }
    for name in references {
      let parts = name.split(separator: ".").map(String.init)
      guard let functions = tests[parts[0]] else { return "there is no suite \(parts[0])" }
      guard parts.count < 2 || functions.contains(parts[1]) else {
        return "\(parts[0]) has no test \(parts[1])"
      }
    }
    return nil
  }

  /// The tests that a row names: `Suite.function`, or a suite alone, which then has a test of the other project's name.
  private static func references(_ row: Row) -> [String] {
    let words = row.ours.split(whereSeparator: { " ,`()".contains($0) }).map(String.init)
    let names = words.compactMap { word -> String? in
      let name = word.trimmingCharacters(in: CharacterSet(charactersIn: ":;."))
      let suite = name.prefix { $0 != "." }
      guard suite.hasSuffix("Tests"), suite.first?.isUppercase == true else { return nil }
      return name
    }
    let isPlain = row.ours == names.first && !row.ours.contains(".")
    guard isPlain, let first = row.theirs.first else { return names }
    return [row.ours + "." + first.lowercased() + row.theirs.dropFirst()]
  }

  /// Headings that say `name: n of m` while their tables have other numbers of rows.
  static func miscounts(_ rows: [Row]) -> [String] {
    var counts: [String: (all: Int, with: Int)] = [:]
    for row in rows {
      counts[row.section, default: (0, 0)].all += 1
      if !row.isWithout { counts[row.section, default: (0, 0)].with += 1 }
    }
    return counts.keys.sorted().compactMap { section in
      let words = section.split(separator: " ")
      guard words.count > 3, words[words.count - 2] == "of", let all = Int(words[words.count - 1]),
        let with = Int(words[words.count - 3]), let count = counts[section]
      else { return nil }
      return count == (all, with) ? nil : "\(section): \(count.with) of \(count.all)"
    }
  }

  private static func tables() throws -> [(path: String, text: String)] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    var found: [(path: String, text: String)] = []
    for directory in try FileManager.default.contentsOfDirectory(atPath: root.path()) {
      let path = root.appending(path: directory)
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: path.path()) else {
        continue
      }
      for name in names.sorted() where name.hasSuffix("Counterparts.md") {
        let text = try String(contentsOf: path.appending(path: name), encoding: .utf8)
        found.append(("Tests/\(directory)/\(name)", text))
      }
    }
    return found
  }

  private static func processTests() throws -> [String: String] {
    let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "ProcessTests")
    var found: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.path())
    where name.hasSuffix(".py") {
      found[String(name.dropLast(3))] = try String(
        contentsOf: directory.appending(path: name), encoding: .utf8)
    }
    return found
  }

  @Test func everyTestThatATableNamesExists() throws {
    let tests = Self.testFunctions(SourceTree.all.files)
    let names = Names(SourceTree.all.files, python: try Self.processTests())
    let tables = try Self.tables()
    #expect(tables.count >= 4)
    for (path, text) in tables {
      let rows = Self.rows(text)
      #expect(rows.count > 20, "\(path) has \(rows.count) rows")
      for row in rows {
        let problem = Self.problem(row, tests, names)
        #expect(problem == nil, "\(path):\(row.line): \(row.theirs): \(problem ?? "")")
      }
      #expect(Self.miscounts(rows).isEmpty, "\(path): \(Self.miscounts(rows))")
      #expect(
        Set(rows.map { $0.section + $0.theirs }).count == rows.count, "\(path) has a row twice")
    }
  }

  /// The variants of `GenericTest` are one parameterized test: its table has the names.
  @Test func everyVariantOfTheGenericTestIsInBothTables() throws {
    let table = try #require(
      SourceTree.all.files.first { $0.path == "Tests/TestSupport/GenericScenario.swift" })
    let names = Set(
      table.lines.flatMap { line in
        line.split(separator: "\"").filter { $0.hasPrefix("Test") && !$0.contains(" ") }
          .map(String.init)
      })
    let counterparts = try #require(
      try Self.tables().first { $0.path.hasSuffix("TinyKVCounterparts.md") })
    let paired = Self.rows(counterparts.text).filter { $0.ours.contains("ThreadedScenarioTests.") }
    #expect(names.count == 27)
    #expect(names == Set(paired.map(\.theirs)))
  }

  // MARK: Cases that break the rules

  @Test func faultyTablesAreFound() {
    let source = SourceTree.File(
      path: "Tests/X/ATests.swift",
      lines: [
        "@Suite struct ATests {", "  @Test func one() {", "  }", "  @Test(arguments: [1])",
        "  func two(n: Int) {", "  }", "  func three() {", "  }", "}",
      ])
    let tests = Self.testFunctions([source])
    #expect(tests == ["ATests": ["one", "two"]])
    let mutants = SourceTree.File(
      path: "Sources/SimulationMutants/Mutants.swift", lines: ["Mutant(\"loses-writes\")"])
    let product = SourceTree.File(
      path: "Sources/X/Y.swift", lines: ["struct Peer {", "  func destroy(_ why: String) {}", "}"])
    let names = Names([mutants, product], python: ["test_a": "def test_b(cluster):\n"])
    func problem(_ theirs: String, _ ours: String) -> String? {
      Self.problem(Row(line: 1, theirs: theirs, ours: ours, section: ""), tests, names)
    }
    #expect(problem("TestX", "`ATests.one`, `ATests.two`: both") == nil)
    #expect(problem("One", "ATests") == nil)
    #expect(problem("TestX", "none: there is nothing of the kind") == nil)
    #expect(problem("TestX", "the mutant `loses-writes`") == nil)
    #expect(problem("TestX", "`Peer.destroy`, `test_a.test_b`") == nil)
    for (theirs, ours) in [
      ("TestX", ""), ("", "`ATests.one`"), ("TestX", "`ATests.three`"), ("TestX", "`BTests.one`"),
      ("TestX", "`ATests.one`, `ATests.four`"), ("Three", "ATests"), ("TestX", "none:"),
      ("TestX", "somehow"), ("TestX", "the mutant `keeps-writes`"), ("TestX", "none: `Peer.end`"),
      ("TestX", "`Pear`"), ("TestX", "`test_a.test_c`"), ("TestX", "none: `ATests.three` has it"),
    ] {
      #expect(problem(theirs, ours) != nil, "\(theirs) | \(ours)")
    }
    let text = "## a: 1 of 2\n\n| test | ours |\n|---|---|\n| X | `ATests.one` |\n"
    #expect(Self.miscounts(Self.rows(text)) == ["## a: 1 of 2: 1 of 1"])
  }
}
