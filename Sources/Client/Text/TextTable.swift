/// A table of text with aligned columns.
package struct TextTable {
  /// The alignment of a column's cells.
  package enum Alignment: Sendable {
    case left
    case right
  }

  private let header: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// - Parameter numbers: titles of the columns that are aligned to the right.
  package init(_ header: [String], numbers: Set<String> = []) {
    self.header = header
    alignments = header.map { numbers.contains($0) ? .right : .left }
  }

  /// Adds a row. Cells beyond the header's are dropped, missing ones are empty.
  package mutating func add(_ row: [String]) {
    rows.append(header.indices.map { $0 < row.count ? row[$0] : "" })
  }

  /// The header and the rows, without spaces at the ends of lines.
  package var lines: [String] {
    let widths = header.indices.map { column in
      ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([header] + rows).map { row in
      let cells = row.indices.map { column in
        let fill = String(repeating: " ", count: widths[column] - row[column].count)
        return alignments[column] == .left ? row[column] + fill : fill + row[column]
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
