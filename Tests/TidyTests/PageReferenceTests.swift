import Testing

/// Links and names of the pages lead to what they name: a link to a file has the file's name, and the type in
/// `Type.member` has that member.
struct PageReferenceTests {
  typealias Page = DocumentationPages.Page

  // MARK: Links

  /// Links to Swift and Python files whose text is a name, but not the file's. Text of several words, or in lower
  /// case, describes and is free.
  static func misnamedLinks(_ page: Page) -> [String] {
    page.prose.flatMap { line in
      line.text.matches(of: /\[([^\]]+)\]\(([^)\s]+)\)/).compactMap { link in
        let (text, target) = (link.output.1, link.output.2)
        guard let file = target.split(separator: "/").last,
          file.hasSuffix(".swift") || file.hasSuffix(".py"),
          text.wholeMatch(of: /[A-Z][A-Za-z0-9]*(\+[A-Za-z0-9]+)?|\w+\.(swift|py)/) != nil,
          text != file, text != file.split(separator: ".")[0]
        else { return nil }
        return "\(page.path):\(line.number): [\(text)] leads to \(file)"
      }
    }
  }

  @Test func linksHaveTheNamesOfTheirFiles() {
    for page in DocumentationPages.all.pages {
      for link in Self.misnamedLinks(page) { Issue.record("\(link)") }
    }
    let page = Page(
      path: "x.md",
      lines: [
        "[Other](../A/Some.swift), [Some](Some.swift), [some words](Some.swift)",
        "[Peer+Read](Peer+Read.swift), [test_b.py](test_a.py), [Some](../Some)",
      ])
    #expect(
      Self.misnamedLinks(page)
        == ["x.md:1: [Other] leads to Some.swift", "x.md:2: [test_b.py] leads to test_a.py"])
  }

  // MARK: Members

  /// What is declared in the files that declare or extend a type, by the type's own name.
  static let members: [String: Set<String>] = {
    var members: [String: Set<String>] = [:]
    for file in SourceTree.all.files {
      var names: Set<String> = []
      var types: Set<String> = []
      for line in file.lines {
        let words = identifiers(line)
        guard let keyword = words.firstIndex(where: declarations.contains) else { continue }
        // The names of parameters and of further cases are on the same line.
        names.formUnion(words[keyword...])
        if typeDeclarations.contains(words[keyword]), keyword + 1 < words.count {
          // `extension Outer.Inner` extends the last one.
          let rest = words[(keyword + 1)...]
          let path = rest.prefix { $0.first?.isUppercase == true }
          if words[keyword] == "extension", line.contains("\(rest.first ?? "").") {
            types.formUnion(path)
          } else {
            types.insert(words[keyword + 1])
          }
        }
      }
      for type in types { members[type, default: []].formUnion(names) }
    }
    return members
  }()

  private static let typeDeclarations: Set<String> = [
    "struct", "class", "enum", "protocol", "actor", "extension", "typealias",
  ]
  private static let declarations = typeDeclarations.union(["func", "var", "let", "case", "init"])

  /// The identifiers of a line outside of comments.
  private static func identifiers(_ line: String) -> [String] {
    let text = line.drop { $0 == " " }
    if text.hasPrefix("//") { return [] }
    return text.utf8.split { byte in
      !(0x61...0x7A).contains(byte) && !(0x41...0x5A).contains(byte)
        && !(0x30...0x39).contains(byte) && byte != 0x5F
    }.map { String(Substring($0)) }
  }

  /// Inline code of the form `Type.member` or `Outer.Inner.member` with a part that the one before it does not
  /// have.
  static func unknownMembers(_ page: Page) -> [String] {
    page.codeSpans.compactMap { span in
      let name = span.text.prefix { $0 != "(" }
      guard name.wholeMatch(of: /[A-Z]\w*(\.[A-Z]\w*)*\.\w+/) != nil else { return nil }
      let parts = name.split(separator: ".").map(String.init)
      let isKnown = zip(parts, parts.dropFirst()).allSatisfy { type, member in
        members[type]?.contains(member) == true
      }
      return isKnown ? nil : "\(page.path):\(span.line): \(span.text)"
    }
  }

  @Test func membersInPagesExist() {
    var count = 0
    for page in DocumentationPages.all.pages {
      for name in Self.unknownMembers(page) { Issue.record("no such member: \(name)") }
      count += page.codeSpans.count { $0.text.wholeMatch(of: /[A-Z]\w*\.\w+/) != nil }
    }
    #expect(count > 100, "few names were read")
    let page = Page(
      path: "x.md",
      lines: [
        "`SourceTree.File.target`, `SourceTree.all`, `Page.unknownMembers`, `NoSuch" + "Type.all`",
        "`PageReferenceTests.page`, `SourceTree.misnamedLinks`, `DocumentationPages.exists()`",
      ])
    #expect(
      Self.unknownMembers(page)
        == ["x.md:1: NoSuch" + "Type.all", "x.md:2: SourceTree.misnamedLinks"])
  }
}
