import Foundation

/// The Markdown pages of the repository: `README.md` and the DocC catalogues of the targets.
struct DocumentationPages {
  /// One page, read once.
  struct Page {
    /// From the package root.
    let path: String
    let lines: [String]

    /// Lines outside of code blocks, with their numbers from 1 on.
    var prose: [(number: Int, text: String)] {
      var isCode = false
      var result: [(Int, String)] = []
      for (index, line) in lines.enumerated() {
        if line.hasPrefix("```") {
          isCode.toggle()
        } else if !isCode {
          result.append((index + 1, line))
        }
      }
      return result
    }

    /// The target whose catalogue holds the page: `Sources/<target>/<target>.docc/…`.
    var catalogue: String? {
      let parts = path.split(separator: "/")
      guard parts.count == 4, parts[0] == "Sources", parts[2].hasSuffix(".docc") else { return nil }
      return String(parts[2].dropLast(".docc".count))
    }

    /// Destinations of links to files: those without a scheme that are not anchors.
    var fileLinks: [(line: Int, target: String)] {
      prose.flatMap { line in
        line.text.matches(of: /\]\(([^)\s]+)\)/).map { (line.number, String($0.output.1)) }
      }.filter { !$0.target.contains(":") && !$0.target.hasPrefix("#") }
    }

    /// Inline code.
    var codeSpans: [(line: Int, text: String)] {
      prose.flatMap { line in
        line.text.matches(of: /`([^`]+)`/).map { (line.number, String($0.output.1)) }
      }
    }

    /// The cells of all table rows under a header, without the rule below it.
    func table(header: [String]) -> [[String]] {
      var rows: [[String]] = []
      var isInside = false
      for line in lines {
        guard line.hasPrefix("|") else {
          isInside = false
          continue
        }
        let cells = line.split(separator: "|", omittingEmptySubsequences: false)
          .dropFirst().dropLast().map { $0.trimmingCharacters(in: .whitespaces) }
        if cells == header {
          isInside = true
        } else if isInside,
          !cells.allSatisfy({ $0.allSatisfy { $0 == "-" || $0 == ":" } }) || cells.contains("")
        {
          rows.append(cells)
        }
      }
      return rows
    }
  }

  /// The package's directory.
  let root: URL
  let pages: [Page]

  static let all = DocumentationPages()

  private init() {
    // This file is in Tests/TidyTests, possibly in a directory below.
    var root = URL(filePath: #filePath)
    while root.pathComponents.count > 1,
      !FileManager.default.fileExists(atPath: root.appending(path: "Package.swift").path())
    {
      root.deleteLastPathComponent()
    }
    self.root = root
    let sources = root.appending(path: "Sources").resolvingSymlinksInPath()
    var found = ["README.md"]
    let walker = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    while let url = walker?.nextObject() as? URL {
      if url.pathExtension == "md" {
        found.append("Sources" + url.path().dropFirst(sources.path().count))
      }
    }
    pages = found.sorted().compactMap { path in
      guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else {
        return nil
      }
      return Page(path: path, lines: text.components(separatedBy: "\n"))
    }
  }

  /// Whether a link of a page leads to a file or directory of the repository.
  func exists(_ target: String, from page: Page) -> Bool {
    let path = target.split(separator: "#", maxSplits: 1)[0]
    let url = URL(filePath: page.path, relativeTo: root).deletingLastPathComponent()
      .appending(path: String(path)).standardizedFileURL
    return FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
  }
}
