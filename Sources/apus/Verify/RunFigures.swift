import History

/// Counts and latencies of a run's calls.
struct RunFigures: Sendable {
  /// The calls of one kind.
  struct Row: Sendable {
    var kind: String
    var done = 0
    var failed = 0
    var unknown = 0
    /// Latencies of successful calls, in nanoseconds, sorted.
    var latencies: [UInt64] = []

    var total: Int { done + failed + unknown }

    /// The quantile `share` of the latencies, in milliseconds; nil if no call succeeded.
    func milliseconds(at share: Double) -> Double? {
      guard !latencies.isEmpty else { return nil }
      let index = min(latencies.count - 1, Int(share * Double(latencies.count)))
      return Double(latencies[index]) / 1e6
    }
  }

  let rows: [Row]
  private(set) var total = Row(kind: "all")
  var seconds: Double
  /// The longest time, in seconds, in which no call succeeded.
  var longestGap: Double

  /// In the order of the printed table.
  private static let kinds = [
    "get", "put", "delete", "batchGet", "batchPut", "batchDelete", "scan", "deleteRange",
  ]

  init(_ operations: [Operation], seconds: Double, longestGap: Double) {
    var rows = Self.kinds.map { Row(kind: $0) }
    self.seconds = seconds
    self.longestGap = longestGap
    for operation in operations {
      let name = operation.call.name
      guard let index = rows.firstIndex(where: { $0.kind == name }) else { continue }
      switch operation.outcome {
      case .done, .found, .swapped:
        rows[index].done += 1
        if let end = operation.end { rows[index].latencies.append(end - operation.start) }
      case .failed: rows[index].failed += 1
      case .unknown: rows[index].unknown += 1
      }
    }
    for index in rows.indices {
      rows[index].latencies.sort()
      total.done += rows[index].done
      total.failed += rows[index].failed
      total.unknown += rows[index].unknown
      total.latencies += rows[index].latencies
    }
    total.latencies.sort()
    self.rows = rows
  }

  var operationsPerSecond: Double { seconds > 0 ? Double(total.total) / seconds : 0 }

  /// A number with a fixed count of digits after the point.
  static func text(_ value: Double, _ places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    return places == 0
      ? "\(scaled)"
      : "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
  }
}
