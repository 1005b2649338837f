package import Codec
import Engine

/// A change of the family `lock`.
package enum LockChange: Sendable, Equatable {
  case locked(key: [UInt8], startTS: UInt64)
  case unlocked(key: [UInt8])
  case unlockedRange(KeyRange)

  /// About its bytes of memory.
  var bytes: Int {
    switch self {
    case .locked(let key, _), .unlocked(let key): key.count + 64
    case .unlockedRange(let range): range.start.count + range.end.count + 96
    }
  }
}

/// The locks of transactions in a region that a leader applies entries of, and the oldest of their start timestamps:
/// what commits later has a later timestamp than the placement driver has issued so far, unless its lock is among these.
///
/// Those that exist at the beginning are scanned by another worker. Meanwhile changes are kept, and applied to the result
/// of the scan in order.
struct LockTracker {
  private enum Phase {
    case scanning(changes: [LockChange], bytes: Int)
    case ready
    /// More memory is needed than allowed: nothing is known any more.
    case overflowed
  }

  /// Distinguishes it from earlier trackers of the region.
  let number: UInt64
  private let maxBytes: Int
  private var phase = Phase.scanning(changes: [], bytes: 0)
  private var startTSs: [[UInt8]: UInt64] = [:]
  private var bytes = 0
  /// How many keys are locked by each start timestamp.
  private var counts: [UInt64: Int] = [:]
  /// The lowest key of `counts`; nil while it is to be worked out.
  private var oldest: UInt64?

  init(number: UInt64, maxBytes: Int) {
    self.number = number
    self.maxBytes = maxBytes
  }

  /// The lowest start timestamp, `UInt64.max` if there is no lock; nil while it is not known.
  mutating func floor() -> UInt64? {
    guard case .ready = phase else { return nil }
    if let oldest { return oldest }
    let found = counts.keys.min() ?? .max
    oldest = found
    return found
  }

  mutating func apply(_ change: LockChange) {
    switch phase {
    case .overflowed: return
    case .scanning(var changes, let bytes):
      let total = bytes + change.bytes
      guard total <= maxBytes else { return overflow() }
      // The array must not be shared when it grows.
      phase = .overflowed
      changes.append(change)
      phase = .scanning(changes: changes, bytes: total)
    case .ready: track(change)
    }
  }

  /// The scan has ended; nil: there are more locks than it may return, or it failed.
  mutating func scanned(_ found: [LockChange]?) {
    guard case .scanning(let changes, _) = phase else { return }
    guard let found else { return overflow() }
    phase = .ready
    for change in found { track(change) }
    for change in changes { track(change) }
  }

  private mutating func track(_ change: LockChange) {
    switch change {
    case .locked(let key, let startTS):
      remove(key)
      startTSs[key] = startTS
      counts[startTS, default: 0] += 1
      bytes += key.count + 64
      if let known = oldest { oldest = min(known, startTS) }
      if bytes > maxBytes { overflow() }
    case .unlocked(let key): remove(key)
    case .unlockedRange(let range):
      for key in startTSs.keys where range.contains(key) { remove(key) }
    }
  }

  private mutating func remove(_ key: [UInt8]) {
    guard let startTS = startTSs.removeValue(forKey: key) else { return }
    bytes -= key.count + 64
    let count = counts[startTS] ?? 0
    if count > 1 {
      counts[startTS] = count - 1
    } else {
      counts[startTS] = nil
      if oldest == startTS { oldest = nil }
    }
  }

  private mutating func overflow() {
    phase = .overflowed
    startTSs = [:]
    counts = [:]
    oldest = nil
  }

  /// The locks in a range of a view of the engine; nil if they take more than `maxBytes`.
  static func scan(
    _ range: KeyRange, in view: any KVReader, maxBytes: Int
  ) throws(EngineError) -> [LockChange]? {
    let cursor = try view.cursor(
      .lock, from: range.start, to: range.end.isEmpty ? nil : range.end, fillCache: false)
    var found: [LockChange] = []
    var bytes = 0
    cursor.seekToFirst()
    while cursor.isValid {
      if let startTS = cursor.withValue({ LockRecord.startTS(ofWrite: $0) }) {
        let change = LockChange.locked(key: cursor.key, startTS: startTS)
        bytes += change.bytes
        if bytes > maxBytes { return nil }
        found.append(change)
      }
      cursor.next()
    }
    try cursor.finish()
    return found
  }
}
