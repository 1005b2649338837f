package import Logging
package import Runtime

/// What happened in a run, in order: always as a hash, on demand also as lines.
///
/// Two runs of one seed have the same hash, on any machine and in any build: what goes in is made of
/// names, numbers and virtual time, never of addresses or of the order of a hash table.
package struct Trace {
  /// What kind of thing happened; the raw value goes into the hash.
  package enum Kind: UInt64, Sendable {
    case step = 1
    case deliver = 3
    case lose, duplicate, call, answer, invoke, complete, fault, heal, process
    case note = 14
  }

  /// FNV-1a (Fowler, Noll, Vo) over 64-bit words, mixed once more at the end.
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325
  package private(set) var count = 0
  /// The last lines, a ring; `tailStart` is the oldest.
  private var tail: [String] = []
  private var tailStart = 0
  private let tailLength: Int
  private let sink: ((String) -> Void)?

  /// - Parameters:
  ///   - tailLength: lines kept for the report of a failure; 0 keeps none and makes none.
  ///   - sink: takes every line as it comes.
  package init(tailLength: Int = 0, sink: ((String) -> Void)? = nil) {
    self.tailLength = tailLength
    self.sink = sink
  }

  package var hash: UInt64 {
    var mixer = SplitMix64(seed: state)
    return mixer.next()
  }

  /// Notes an event; `text` is made only when someone wants to read it.
  package mutating func note(
    _ kind: Kind, at now: Instant, _ a: UInt64, _ b: UInt64, _ c: UInt64,
    _ text: @autoclosure () -> String
  ) {
    count += 1
    mix(kind.rawValue)
    mix(now.nanoseconds)
    mix(a)
    mix(b)
    mix(c)
    if isRead { add("\(Self.seconds(now)) \(kind) \(text())") }
  }

  /// Whether anyone reads the lines.
  package var isRead: Bool { tailLength > 0 || sink != nil }

  /// A line for people alone.
  package mutating func annotate(at now: Instant, _ text: String) {
    if isRead { add("\(Self.seconds(now)) log \(text)") }
  }

  private mutating func add(_ line: String) {
    sink?(line)
    guard tailLength > 0 else { return }
    if tail.count < tailLength {
      tail.append(line)
    } else {
      tail[tailStart] = line
      tailStart = (tailStart + 1) % tailLength
    }
  }

  /// The last lines, oldest first.
  package var lastLines: [String] { Array(tail[tailStart...] + tail[..<tailStart]) }

  private mutating func mix(_ word: UInt64) {
    state = (state ^ word) &* 0x100_0000_01b3
    state ^= state >> 29
  }

  /// Virtual seconds with microseconds, in a column.
  private static func seconds(_ now: Instant) -> String {
    let micros = now.nanoseconds / 1000
    let fraction = String(micros % 1_000_000)
    let whole = String(micros / 1_000_000)
    return String(repeating: " ", count: max(0, 5 - whole.count)) + whole + "."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }
}

/// Puts what stores log into the trace, for people; it does not count for the hash.
package struct TraceLogHandler: LogHandler {
  private let scheduler: SimulationScheduler
  package var logLevel = Logger.Level.debug
  package var metadata: Logger.Metadata = [:]

  package init(scheduler: SimulationScheduler) {
    self.scheduler = scheduler
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let store = metadata["store"].map { "store\($0) " } ?? ""
    scheduler.annotate("\(store)\(event.level): \(event.message)")
  }
}
