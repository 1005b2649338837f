import Testing

/// Size of types and files, and documentation of what a target exports.
struct StructureTests {
  // MARK: Stored properties

  struct StoredProperties: Equatable {
    let type: String
    let count: Int
  }

  /// Every struct, class and actor of a file with the number of `let` and `var` that it stores. A
  /// property is stored unless it opens a brace without having a value or an observer.
  static func storedProperties(_ file: SourceTree.File) -> [StoredProperties] {
    var found: [StoredProperties] = []
    for start in file.lines.indices {
      guard let name = declaredName(file.code(start), ["struct", "class", "actor"]) else {
        continue
      }
      let indent = file.indent(start)
      var count = 0
      for index in (start + 1)..<max(start + 1, file.lines.count) {
        if file.indent(index) == indent, file.code(index).contains("}") { break }
        guard file.indent(index) == indent + 2 else { continue }
        let next = index + 1 < file.lines.count ? file.code(index + 1) : ""
        if isStored(file.code(index), next) { count += 1 }
      }
      found.append(StoredProperties(type: name, count: count))
    }
    return found
  }

  static func isStored(_ line: String, _ next: String) -> Bool {
    let words = line.split(separator: " ")
    guard let keyword = words.firstIndex(where: { $0 == "let" || $0 == "var" }),
      words[..<keyword].allSatisfy({ modifiers.contains(String($0)) || $0.hasPrefix("@") }),
      !words[..<keyword].contains("static")
    else { return false }
    guard let brace = line.firstIndex(of: "{") else { return true }
    return line[..<brace].contains(" = ") || next.contains("didSet") || next.contains("willSet")
  }

  private static let modifiers: Set<String> = [
    "package", "public", "private", "fileprivate", "internal", "final", "static", "lazy", "weak",
    "unowned", "override", "nonisolated", "mutating", "indirect", "class", "borrowing", "consuming",
    "private(set)", "package(set)", "fileprivate(set)", "internal(set)",
  ]

  @Test func typesStoreAtMost25Properties() {
    for file in SourceTree.all.sources {
      for type in Self.storedProperties(file) {
        #expect(type.count <= 25, "\(file.path): \(type.type) stores \(type.count) properties")
      }
    }
    let sample = SourceTree.File(
      path: "x",
      lines: [
        "package final class A {", "  let a: Int", "  private var b = [Int]() {", "    didSet {}",
        "  }", "  var c: Int {", "    1", "  }", "  static let d = 1", "  func f() {",
        "    let e = 1",
        "  }", "}",
      ])
    #expect(Self.storedProperties(sample) == [StoredProperties(type: "A", count: 2)])
  }

  // MARK: Files

  @Test func fewerThanOneFileInTenIsTiny() {
    let sources = SourceTree.all.sources
    let tiny = sources.filter { $0.lines.count - 1 <= 25 }
    #expect(
      tiny.count * 10 < sources.count,
      "\(tiny.count) of \(sources.count) files have at most 25 lines: \(tiny.map(\.path))")
  }

  /// A file that holds nothing but extensions of one type is named `Type+Facet`.
  @Test func filesOfExtensionsAreNamedAfterTypeAndFacet() {
    for file in SourceTree.all.sources {
      let declared = file.lines.indices.contains {
        file.indent($0) == 0
          && Self.declaredName(file.code($0), ["struct", "class", "actor", "enum", "protocol"])
            != nil
      }
      let extended = Set(
        file.lines.indices.compactMap {
          file.indent($0) == 0 ? Self.declaredName(file.code($0), ["extension"]) : nil
        })
      guard !declared, extended.count == 1, let type = extended.first else { continue }
      let name = file.path.split(separator: "/").last ?? ""
      #expect(name.contains("+"), "\(file.path) only extends \(type)")
    }
  }

  // MARK: Documentation

  /// Package and public types and functions without a doc comment. A function is exempt where a protocol
  /// that it implements documents it.
  static func undocumented(_ file: SourceTree.File, requirements: Set<String>) -> [String] {
    var found: [String] = []
    for index in file.lines.indices {
      let words = file.code(index).split(separator: " ").map(String.init)
      guard words.contains("package") || words.contains("public"),
        !words.contains("import"), !words.contains("extension"),
        words.first?.hasPrefix("//") != true
      else { continue }
      let line = file.code(index)
      let type = declaredName(line, ["struct", "class", "actor", "enum", "protocol"])
      guard let name = type ?? declaredName(line, ["func"]) else { continue }
      if type == nil, requirements.contains(name) { continue }
      var above = index - 1
      while above >= 0 {
        let text = file.lines[above].drop { $0 == " " }
        guard text.hasPrefix("@") || (text.hasPrefix("//") && !text.hasPrefix("///")) else { break }
        above -= 1
      }
      if above < 0 || !file.lines[above].drop(while: { $0 == " " }).hasPrefix("///") {
        found.append("\(file.path):\(index + 1): \(name)")
      }
    }
    return found
  }

  /// Functions that protocols require, here and in the packages that we build on.
  static func requirements() -> Set<String> {
    var names: Set<String> = [
      "encode", "hash", "run", "next", "makeAsyncIterator", "validate", "handlerAdded",
      "handlerRemoved", "channelActive", "channelInactive", "channelRead", "channelReadComplete",
      "channelWritabilityChanged", "errorCaught", "userInboundEventTriggered", "write", "flush",
    ]
    for file in SourceTree.all.sources {
      var inProtocol = false
      for index in file.lines.indices {
        let line = file.code(index)
        if file.indent(index) == 0, !line.isEmpty {
          inProtocol = declaredName(line, ["protocol"]) != nil
        }
        if inProtocol, let name = declaredName(line, ["func"]) { names.insert(name) }
      }
    }
    return names
  }

  @Test func everyPackageTypeAndFunctionIsDocumented() {
    let requirements = Self.requirements()
    for file in SourceTree.all.sources {
      let missing = Self.undocumented(file, requirements: requirements)
      #expect(missing.isEmpty, "without a doc comment: \(missing)")
    }
    let sample = SourceTree.File(
      path: "x", lines: ["/// A.", "package struct A {", "  package func b() {}", "}"])
    #expect(Self.undocumented(sample, requirements: []) == ["x:3: b"])
    #expect(Self.undocumented(sample, requirements: ["b"]).isEmpty)
  }

  /// The name that a line declares with one of `keywords`; nil when it declares none.
  private static func declaredName(_ line: String, _ keywords: Set<String>) -> String? {
    let words = line.split(separator: " ").map(String.init)
    guard let at = words.firstIndex(where: { keywords.contains($0) }), at + 1 < words.count,
      words[..<at].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") })
    else { return nil }
    let name = words[at + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
    return name.isEmpty || name == "func" || name == "var" ? nil : String(name)
  }
}
