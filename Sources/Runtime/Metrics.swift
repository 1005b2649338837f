import Synchronization

/// The metrics registry of a process, in Prometheus' text format. Any thread may call.
///
/// Instruments are created once, at start; updating one costs an atomic addition (a histogram: a lock of its
/// own). The lock of the registry is taken only to create an instrument and to export. Names follow
/// Prometheus' conventions: the unit is in the name, and counters end in `_total`.
package final class Metrics: Sendable {
  private struct Family {
    var help: String
    var kind: String
    var series: [(labels: String, write: @Sendable (_ name: String, _ labels: String) -> String)]
  }

  private let families = Mutex<[String: Family]>([:])

  package init() {}

  /// Creates a counter. Each combination of name and labels is created once.
  package func counter(
    _ name: String, _ help: String, labels: [(String, String)] = []
  ) -> Counter {
    let counter = Counter()
    add(name, help, "counter", labels) { name, labels in
      "\(name)\(labels) \(counter.value)\n"
    }
    return counter
  }

  /// Creates a counter whose value is read at export.
  ///
  /// - Parameter reading: called on the exporting thread with the registry locked; it must not block nor use
  ///   the registry.
  package func counter(
    _ name: String, _ help: String, labels: [(String, String)] = [],
    reading: @escaping @Sendable () -> Double
  ) {
    add(name, help, "counter", labels) { name, labels in "\(name)\(labels) \(reading())\n" }
  }

  /// Creates a gauge. Each combination of name and labels is created once.
  package func gauge(_ name: String, _ help: String, labels: [(String, String)] = []) -> Gauge {
    let gauge = Gauge()
    add(name, help, "gauge", labels) { name, labels in "\(name)\(labels) \(gauge.value)\n" }
    return gauge
  }

  /// Creates a gauge whose value is read at export.
  ///
  /// - Parameter reading: as for `counter`.
  package func gauge(
    _ name: String, _ help: String, labels: [(String, String)] = [],
    reading: @escaping @Sendable () -> Int64
  ) {
    add(name, help, "gauge", labels) { name, labels in "\(name)\(labels) \(reading())\n" }
  }

  /// Creates a histogram of durations in seconds. Its bucket bounds double from 50 µs to 26 s.
  package func histogram(
    _ name: String, _ help: String, labels: [(String, String)] = []
  ) -> Histogram {
    let histogram = Histogram()
    add(name, help, "histogram", labels) { name, labels in histogram.text(name, labels) }
    return histogram
  }

  /// All metrics in Prometheus' text exposition format, sorted by name.
  package func text() -> String {
    families.withLock { families in
      families.keys.sorted().reduce(into: "") { text, name in
        guard let family = families[name] else { return }
        text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind)\n"
        for series in family.series { text += series.write(name, series.labels) }
      }
    }
  }

  private func add(
    _ name: String, _ help: String, _ kind: String, _ labels: [(String, String)],
    _ write: @escaping @Sendable (String, String) -> String
  ) {
    let text =
      labels.isEmpty
      ? "" : "{" + labels.map { "\($0)=\"\($1)\"" }.joined(separator: ",") + "}"
    families.withLock { families in
      families[name, default: Family(help: help, kind: kind, series: [])].series.append(
        (text, write))
    }
  }
}

/// A metric that only increases. Any thread may call; updates are not ordered with other memory.
package final class Counter: Sendable {
  private let total = Atomic<UInt64>(0)

  /// Adds `amount`.
  package func increment(by amount: UInt64 = 1) {
    total.wrappingAdd(amount, ordering: .relaxed)
  }

  package var value: UInt64 { total.load(ordering: .relaxed) }
}

/// A metric that increases and decreases. Any thread may call.
package final class Gauge: Sendable {
  private let current = Atomic<Int64>(0)

  /// Replaces the value.
  package func set(_ value: Int64) { current.store(value, ordering: .relaxed) }
  /// Adds `amount`, which may be negative.
  package func add(_ amount: Int64) { current.wrappingAdd(amount, ordering: .relaxed) }
  package var value: Int64 { current.load(ordering: .relaxed) }
}

/// A distribution of durations. Any thread may call; an update takes a lock for a few instructions.
package final class Histogram: Sendable {
  private static let bucketCount = 20
  /// Nanoseconds.
  private static let firstBound = 50_000.0

  private struct State {
    var buckets = [UInt64](repeating: 0, count: bucketCount + 1)
    var count: UInt64 = 0
    var nanoseconds: Double = 0
  }

  private let state = Mutex(State())

  /// Adds `count` observations of `duration`.
  package func observe(_ duration: Duration, count: UInt64 = 1) {
    let nanoseconds = Double(duration.asNanoseconds)
    var bucket = 0
    var bound = Self.firstBound
    while nanoseconds > bound && bucket < Self.bucketCount {
      bound *= 2
      bucket += 1
    }
    state.withLock { state in
      state.buckets[bucket] += count
      state.count += count
      state.nanoseconds += nanoseconds * Double(count)
    }
  }

  fileprivate func text(_ name: String, _ labels: String) -> String {
    let state = state.withLock { $0 }
    let inner = labels.isEmpty ? "" : String(labels.dropFirst().dropLast()) + ","
    var text = ""
    var seen: UInt64 = 0
    var bound = Self.firstBound / 1e9
    for bucket in 0..<Self.bucketCount {
      seen += state.buckets[bucket]
      text += "\(name)_bucket{\(inner)le=\"\(bound)\"} \(seen)\n"
      bound *= 2
    }
    text += "\(name)_bucket{\(inner)le=\"+Inf\"} \(state.count)\n"
    text += "\(name)_sum\(labels) \(state.nanoseconds / 1e9)\n"
    text += "\(name)_count\(labels) \(state.count)\n"
    return text
  }
}
