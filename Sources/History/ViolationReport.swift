/// A violation as text for a terminal: a line per call, by start, with its times in milliseconds since the first call
/// and a bar that shows which calls overlap.
///
///     no linearization of these calls explains the values of "k", absent at first:
///     call  client     from        to
///       #1       1    0.000  1.000 ms  [=====]                   put "k" = "a"  done
///       #2       2    2.000  3.000 ms            [=====]         put "k" = "b"  done
///       #3       1    4.000  5.000 ms                      [===] get "k"        found "a"
package struct ViolationReport: Sendable {
  package let violation: Violation

  package init(_ violation: Violation) {
    self.violation = violation
  }

  /// All lines, each with a line feed.
  package var text: String { lines.map { $0 + "\n" }.joined() }

  /// Title, header and one line per call.
  package var lines: [String] {
    var rows = [["call", "client", "from ms", "to ms", "", "", ""]]
    let operations = violation.operations
    let first = operations.map(\.start).min() ?? 0
    let last = operations.map { max($0.start, $0.end ?? 0) }.max() ?? first
    for operation in operations {
      rows.append([
        "#\(operation.id)", "\(operation.client)",
        Self.milliseconds(operation.start - first),
        operation.end.map { Self.milliseconds($0 - min($0, first)) } ?? "-",
        Self.bar(operation, from: first, to: last),
        describe(operation.call), describe(operation.outcome, of: operation.call),
      ])
    }
    let start = violation.initial.map { "\($0.asShortText) at first" } ?? "absent at first"
    let title =
      "no linearization of these calls explains the values of \(violation.key.asShortText), \(start):"
    return [title] + Self.aligned(rows, rightAligned: 4)
  }

  // MARK: Columns

  private static func aligned(_ rows: [[String]], rightAligned: Int) -> [String] {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += "  " + (column < rightAligned ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Nanoseconds as milliseconds with three decimals.
  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    let microseconds = nanoseconds / 1000
    let fraction = String(microseconds % 1000)
    return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  private static let barWidth = 32

  private static func bar(_ operation: Operation, from first: UInt64, to last: UInt64) -> String {
    let span = Double(max(1, last - first))
    func column(_ time: UInt64) -> Int {
      Int(Double(time - min(time, first)) / span * Double(barWidth - 1))
    }
    let start = column(operation.start)
    // A write with unknown outcome may take effect at any later time.
    let isOpen = operation.end == nil || (operation.outcome == .unknown && !operation.call.isRead)
    let end = isOpen ? barWidth - 1 : max(start, column(operation.end ?? last))
    var bar = String(repeating: " ", count: start)
    if end == start {
      bar += isOpen ? ">" : "|"
    } else {
      bar += "[" + String(repeating: "=", count: end - start - 1) + (isOpen ? ">" : "]")
    }
    return bar + String(repeating: " ", count: barWidth - 1 - end)
  }

  // MARK: Calls and outcomes

  private func describe(_ call: Call) -> String {
    let key = violation.key.asShortText
    switch call {
    case .get(let key), .delete(let key): return "\(call.name) \(key.asShortText)"
    case .put(let key, let value): return "put \(key.asShortText) = \(value.asShortText)"
    case .batchGet(let keys), .batchDelete(let keys):
      return "\(call.name) \(key)\(Self.others(keys.count - 1))"
    case .batchPut(let pairs):
      let mine = pairs.filter { $0.key == violation.key }
      let values = mine.map(\.value.asShortText).joined(separator: ", then ")
      return "batchPut \(key) = \(values)\(Self.others(pairs.count - mine.count))"
    case .scan(let start, let end, let limit, let isReverse):
      let direction = isReverse ? " from the end" : ""
      return "scan \(Self.range(start, end)) limit \(limit)\(direction)"
    case .deleteRange(let start, let end): return "deleteRange \(Self.range(start, end))"
    case .compareAndSwap(let key, let expected, let value):
      return
        "swap \(key.asShortText) from \(expected?.asShortText ?? "absent") to \(value.asShortText)"
    }
  }

  private func describe(_ outcome: Outcome, of call: Call) -> String {
    switch outcome {
    case .done: return "done"
    case .failed: return "failed"
    case .unknown: return "unknown"
    case .swapped(let succeeded, let previous):
      return succeeded ? "swapped" : "found \(previous?.asShortText ?? "absent")"
    case .found(let pairs):
      if violation.operations.count == 1 { return "found \(Self.list(pairs))" }
      let mine = pairs.filter { $0.key == violation.key }
      let values = mine.map(\.value.asShortText).joined(separator: ", then ")
      return mine.isEmpty ? "absent" : "found \(values)\(Self.others(pairs.count - mine.count))"
    }
  }

  private static func others(_ count: Int) -> String { count > 0 ? " (+\(count))" : "" }

  private static func range(_ start: [UInt8], _ end: [UInt8]) -> String {
    "[\(start.isEmpty ? "…" : start.asShortText), \(end.isEmpty ? "…" : end.asShortText))"
  }

  private static let maxPairs = 8

  private static func list(_ pairs: [Pair]) -> String {
    if pairs.isEmpty { return "nothing" }
    let shown = pairs.prefix(maxPairs).map { "\($0.key.asShortText) = \($0.value.asShortText)" }
    return shown.joined(separator: ", ") + others(pairs.count - shown.count)
  }
}
