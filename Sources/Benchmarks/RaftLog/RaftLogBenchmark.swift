import RaftLog
import Runtime

/// The raft-log engines side by side on a real disk. The figures of one run are to be compared with each other only.
///
///     raft-log-benchmark [--dir DIRECTORY] [--engines NAME,NAME] [--smoke]
///
/// The directory must be on the disk to be measured, and is emptied.
@main
struct RaftLogBenchmark {
  static func main() throws {
    var directory = ".build/raft-log-benchmark"
    var engines = LogEngine.allCases
    var isSmoke = false
    var rest = CommandLine.arguments.dropFirst()
    while let word = rest.popFirst() {
      switch word {
      case "--smoke": isSmoke = true
      case "--dir": directory = rest.popFirst() ?? directory
      case "--engines":
        engines = (rest.popFirst() ?? "").split(separator: ",").compactMap {
          LogEngine(rawValue: String($0))
        }
      default: throw Usage(word: word)
      }
    }
    if engines.isEmpty { throw Usage(word: "--engines") }
    let bench = try LogBench(directory: directory, scale: isSmoke ? 0.002 : 1)
    try bench.measureDisk()
    for measure in LogBench.measures {
      print("\n\(measure.title)")
      for engine in engines { try measure.run(bench, engine) }
    }
    try bench.end()
  }

  private struct Usage: Error, CustomStringConvertible {
    var word: String

    var description: String {
      "unknown or incomplete argument \(word); usage: raft-log-benchmark [--dir DIRECTORY] "
        + "[--engines \(LogEngine.allCases.map(\.rawValue).joined(separator: ","))] [--smoke]"
    }
  }
}

/// Durations of single calls.
struct Latencies {
  private var nanoseconds: [Double] = []

  /// Makes a call and records how long it takes.
  mutating func time(_ body: () throws -> Void) rethrows {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    nanoseconds.append((clock.now - start) / .nanoseconds(1))
  }

  var total: Double { nanoseconds.reduce(0, +) }

  /// Median, 99th and 99.9th percentile, in microseconds.
  var text: String {
    let sorted = nanoseconds.sorted()
    func at(_ share: Double) -> String {
      let place = min(sorted.count - 1, Int(share * Double(sorted.count)))
      return "\(Int(sorted[place] / 1000))"
    }
    guard !sorted.isEmpty else { return "-" }
    return "p50 \(at(0.5)) us, p99 \(at(0.99)) us, p999 \(at(0.999)) us"
  }
}

/// What the kernel counts of this process.
enum ProcessFigures {
  private static func number(_ path: String, after name: String) throws -> UInt64 {
    let text = String(decoding: try SystemFileSystem().contents(of: path), as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let digits = line.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber }
      return UInt64(digits) ?? 0
    }
    return 0
  }

  /// Bytes that were sent to disks.
  static var writtenBytes: UInt64 {
    get throws { try number("/proc/self/io", after: "write_bytes:") }
  }

  /// Bytes of memory in use.
  static var residentBytes: UInt64 {
    get throws { try number("/proc/self/status", after: "VmRSS:") << 10 }
  }
}
