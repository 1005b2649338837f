/// The difference of two texts in the unified format.
enum UnifiedDiff {
  private struct Line {
    var mark: Character
    var text: Substring
    /// How many lines of either text come before this one.
    var oldBefore: Int
    var newBefore: Int
  }

  /// `firstLine` is the number of the first line of `expected` in its file.
  static func text(
    expected: String, actual: String, file: String, firstLine: Int, context: Int = 3
  ) -> String {
    let lines = compare(split(expected), split(actual))
    var result = "--- \(file):\(firstLine) (expected)\n+++ \(file):\(firstLine) (actual)\n"
    var position = 0
    while let change = lines[position...].firstIndex(where: { $0.mark != " " }) {
      let start = max(position, change - context)
      var end = change
      var quiet = 0
      while end < lines.count, quiet <= 2 * context {
        quiet = lines[end].mark == " " ? quiet + 1 : 0
        end += 1
      }
      end -= max(0, quiet - context)
      let hunk = lines[start..<end]
      let old = hunk.count { $0.mark != "+" }
      let new = hunk.count { $0.mark != "-" }
      result += "@@ -\(firstLine + lines[start].oldBefore),\(old) "
      result += "+\(firstLine + lines[start].newBefore),\(new) @@\n"
      for line in hunk { result += "\(line.mark)\(line.text)\n" }
      position = end
    }
    return result
  }

  private static func split(_ text: String) -> [Substring] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  private static func compare(_ old: [Substring], _ new: [Substring]) -> [Line] {
    // common[i][j]: length of the longest common subsequence of old[i...] and new[j...].
    var common = Array(
      repeating: Array(repeating: 0, count: new.count + 1), count: old.count + 1)
    for i in old.indices.reversed() {
      for j in new.indices.reversed() {
        common[i][j] =
          old[i] == new[j]
          ? common[i + 1][j + 1] + 1 : max(common[i + 1][j], common[i][j + 1])
      }
    }
    var (i, j) = (0, 0)
    var lines: [Line] = []
    while i < old.count || j < new.count {
      if i < old.count, j < new.count, old[i] == new[j] {
        lines.append(Line(mark: " ", text: old[i], oldBefore: i, newBefore: j))
        i += 1
        j += 1
      } else if i < old.count, j == new.count || common[i + 1][j] >= common[i][j + 1] {
        lines.append(Line(mark: "-", text: old[i], oldBefore: i, newBefore: j))
        i += 1
      } else {
        lines.append(Line(mark: "+", text: new[j], oldBefore: i, newBefore: j))
        j += 1
      }
    }
    return lines
  }
}
