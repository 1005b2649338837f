import Foundation

/// The project's own Swift files, read once.
struct SourceTree {
  struct File {
    /// Path from the package root, `/` separated.
    let path: String
    let lines: [String]

    /// `Sources/<target>/…` → the target.
    var target: String {
      let parts = path.split(separator: "/")
      return parts.count > 1 ? String(parts[1]) : ""
    }

    /// Leading spaces of a line.
    func indent(_ index: Int) -> Int { lines[index].prefix { $0 == " " }.count }

    /// A line without its comment and without the contents of string literals.
    func code(_ index: Int) -> String {
      var out = ""
      var inString = false
      var previous: Character = " "
      for character in lines[index] {
        if character == "\"" && previous != "\\" { inString.toggle() }
        if !inString && character == "/" && previous == "/" { return String(out.dropLast()) }
        if !inString { out.append(character) }
        previous = character
      }
      return out
    }
  }

  let files: [File]

  static let all = SourceTree()

  private init() {
    // Tests/TidyTests/SourceTree.swift → the package root.
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    var found: [File] = []
    for top in ["Sources", "Tests"] {
      let base = root.appending(path: top).resolvingSymlinksInPath()
      let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
      while let url = walker?.nextObject() as? URL {
        guard url.pathExtension == "swift", !url.path().contains("/Generated/"),
          let text = try? String(contentsOf: url, encoding: .utf8)
        else { continue }
        let path = top + url.path().dropFirst(base.path().count)
        found.append(
          File(
            path: path,
            lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)))
      }
    }
    files = found.sorted { $0.path < $1.path }
  }

  /// Files of the product, not of its tests.
  var sources: [File] { files.filter { $0.path.hasPrefix("Sources/") } }
}
