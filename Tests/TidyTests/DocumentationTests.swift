import Foundation
import Testing

/// The pages match the code: links, names and tables are compared with the tree.
struct DocumentationTests {
  typealias Page = DocumentationPages.Page
  static let pages = DocumentationPages.all

  private func page(_ name: String) -> Page? {
    Self.pages.pages.first { $0.path.hasSuffix("/" + name) }
  }

  // MARK: Pages

  @Test func everyCatalogueHasItsPage() {
    let catalogues = Set(Self.pages.pages.compactMap(\.catalogue))
    #expect(catalogues.count >= 6, "few catalogues were read")
    for target in catalogues {
      let path = "Sources/\(target)/\(target).docc/\(target).md"
      let page = Self.pages.pages.first { $0.path == path }
      #expect(page?.lines.first == "# ``\(target)``", "\(path) must begin with its module")
    }
  }

  /// DocC takes the first paragraph for a page's summary.
  @Test func everyPageHasATitleAndASummary() {
    for page in Self.pages.pages where page.catalogue != nil {
      let summary = page.lines.dropFirst(2).first ?? ""
      #expect(page.lines[0].hasPrefix("# ") && page.lines[1].isEmpty, "\(page.path)")
      #expect(!summary.isEmpty && !summary.hasPrefix("#"), "\(page.path)")
    }
  }

  // MARK: Links

  static func brokenLinks(_ page: Page) -> [String] {
    page.fileLinks.filter { !pages.exists($0.target, from: page) }
      .map { "\(page.path):\($0.line): \($0.target)" }
  }

  @Test func linkedFilesExist() {
    var count = 0
    for page in Self.pages.pages {
      for link in Self.brokenLinks(page) { Issue.record("no such file: \(link)") }
      count += page.fileLinks.count
    }
    #expect(count > 100, "few links were read")
    let lines = ["[a](Nowhere.swift), [b](Apus.swift), [c](https://example.com/x)"]
    let page = Page(path: "Sources/apus/X.md", lines: lines)
    #expect(Self.brokenLinks(page) == ["Sources/apus/X.md:1: Nowhere.swift"])
  }

  /// A page without links to it is never found.
  @Test func everyPageIsLinked() {
    var linked: Set<String> = ["README.md"]
    for page in Self.pages.pages {
      let folder = URL(filePath: page.path, relativeTo: Self.pages.root).deletingLastPathComponent()
      for link in page.fileLinks {
        let url = folder.appending(path: link.target).standardizedFileURL
        linked.insert(
          String(url.path().dropFirst(Self.pages.root.standardizedFileURL.path().count)))
      }
    }
    for page in Self.pages.pages {
      let isLinked = linked.contains(page.path)
      #expect(isLinked, "no page links to \(page.path)")
    }
  }

  // MARK: Names

  /// All identifiers of code, tests, scripts and protocol files.
  static let words: Set<String> = {
    var words: Set<String> = []
    for file in SourceTree.all.files {
      for line in file.lines { add(line, to: &words) }
    }
    for folder in ["proto", "scripts", "Tests", "Package.swift"] {
      let base = pages.root.appending(path: folder).resolvingSymlinksInPath()
      var files = [base]
      let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
      while let url = walker?.nextObject() as? URL { files.append(url) }
      for url in files where url.pathExtension != "swift" || folder == "Package.swift" {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
        add(text, to: &words)
        words.insert(url.deletingPathExtension().lastPathComponent)
      }
    }
    return words
  }()

  private static func add(_ text: String, to words: inout Set<String>) {
    let parts = text.utf8.split { byte in
      !(0x61...0x7A).contains(byte) && !(0x41...0x5A).contains(byte)
        && !(0x30...0x39).contains(byte) && byte != 0x5F
    }
    for part in parts { words.insert(String(Substring(part))) }
  }

  /// The identifiers in inline code that the tree does not have: `Peer.startReads`, `maxEntrySize`.
  static func unknownNames(_ page: Page) -> [String] {
    page.codeSpans.filter { span in
      let text = span.text
      guard text.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.]*(\(\))?/) != nil else { return false }
      guard text.contains(where: \.isUppercase) || text.contains("_") else { return false }
      return !text.split(whereSeparator: { ".()".contains($0) })
        .allSatisfy { words.contains(String($0)) }
    }.map { "\(page.path):\($0.line): \($0.text)" }
  }

  @Test func namesInPagesExist() {
    for page in Self.pages.pages where page.catalogue != nil {
      for name in Self.unknownNames(page) { Issue.record("not in the tree: \(name)") }
    }
    let page = Page(path: "x.md", lines: ["`SourceTree.all` and `NoSuch" + "Type.all` in `text`"])
    #expect(Self.unknownNames(page).count == 1)
  }

  // MARK: Tables

  @Test func theTableOfImportsIsTheOneThatIsChecked() throws {
    let architecture = try #require(page("Architecture.md"))
    var found: [String: Set<String>] = [:]
    for row in architecture.table(header: ["target", "contents", "imports"]) {
      let names = row[2].matches(of: /`([A-Za-z0-9]+)`/).map { String($0.output.1) }
      found[row[0].filter { $0 != "`" }] = Set(names)
    }
    for (target, imports) in ImportTests.targets {
      #expect(found[target] == imports, "Architecture.md, row \(target)")
    }
    #expect(Set(found.keys) == Set(ImportTests.targets.keys))
  }

  /// The functions in the files in which a suite is declared or extended, by suite.
  static let suites: [String: Set<String>] = {
    var suites: [String: Set<String>] = [:]
    for file in SourceTree.all.files where file.path.hasPrefix("Tests/") {
      var functions: Set<String> = []
      var types: Set<String> = []
      for line in file.lines where declares(line) {
        guard let word = line.firstMatch(of: /\b(func|struct|class|extension) ([A-Za-z0-9_]+)/)
        else { continue }
        if word.output.1 == "func" {
          functions.insert(String(word.output.2))
        } else {
          types.insert(String(word.output.2))
        }
      }
      for type in types { suites[type, default: []].formUnion(functions) }
    }
    return suites
  }()

  /// Faster than a regular expression per line.
  private static func declares(_ line: String) -> Bool {
    ["func ", "struct ", "class ", "extension "].contains { line.contains($0) }
  }

  /// Whether a test or a checker of that name exists: `Suite.test`, `test_file.test_name`, `SomeChecker`.
  static func isKnownTest(_ name: String) -> Bool {
    let parts = name.split(separator: ".").map(String.init)
    if parts.count == 1 {
      return SourceTree.all.sources.contains { file in
        file.path.hasSuffix("/\(name).swift")
          && file.lines.contains { $0.contains("class \(name): ClusterChecker") }
      }
    }
    guard parts.count == 2 else { return false }
    if parts[0].hasPrefix("test_") { return isPythonTest(parts[0], parts[1]) }
    return suites[parts[0]]?.contains(parts[1]) ?? false
  }

  private static func isPythonTest(_ file: String, _ test: String) -> Bool {
    ["ProcessTests", "InteropTests"].contains { folder in
      let url = pages.root.appending(path: "Tests/\(folder)/\(file).py")
      guard let text = try? String(contentsOf: url, encoding: .utf8) else { return false }
      return text.contains("\ndef \(test)(")
    }
  }

  @Test func everyPropertyNamesTestsThatExist() throws {
    let properties = try #require(page("Properties.md"))
    let rows = properties.table(header: ["property", "checked by", "source"])
    #expect(rows.count >= 40, "few properties were read")
    var checkers: Set<String> = []
    for row in rows {
      let names = row[1].matches(of: /`([^`]+)`/).map { String($0.output.1) }
      #expect(!names.isEmpty, "nothing checks: \(row[0])")
      for name in names {
        #expect(Self.isKnownTest(name), "\(name) does not exist, for: \(row[0])")
        if !name.contains(".") { checkers.insert(name) }
      }
    }
    // Every checker is in the table.
    for file in SourceTree.all.sources
    where file.lines.contains(where: { $0.contains(": ClusterChecker {") }) {
      let name =
        file.path.split(separator: "/").last.map { String($0.dropLast(".swift".count)) } ?? ""
      if name.hasSuffix("Checker"), name != "ClusterChecker" {
        #expect(checkers.contains(name), "\(name) is in no row of Properties.md")
      }
    }
    #expect(!Self.isKnownTest("CheckerTests.noSuchTest") && !Self.isKnownTest("NoSuchChecker"))
    #expect(!Self.isKnownTest("test_survival.test_nothing"))
  }
}
