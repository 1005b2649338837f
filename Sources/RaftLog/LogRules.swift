import Raft

/// Validation of batches, common to all log stores.
enum LogRules {
  static let longestKey = 4096

  /// Entries of one append: consecutive from 1 or above, terms that do not fall.
  static func checkRun(_ region: UInt64, _ entries: [Entry]) throws(LogStoreError) {
    guard let first = entries.first else { return }
    guard first.index > 0 else {
      throw .invalidBatch(region: region, reason: "an entry of index 0")
    }
    guard UInt64.max - first.index >= UInt64(entries.count) else {
      throw .invalidBatch(region: region, reason: "entries up to the end of all numbers")
    }
    var index = first.index
    var term = first.term
    for entry in entries.dropFirst() {
      guard entry.index == index + 1 else {
        throw .invalidBatch(region: region, reason: "entry \(entry.index) follows \(index)")
      }
      guard entry.term >= term else {
        throw .invalidBatch(
          region: region, reason: "term falls to \(entry.term) at index \(entry.index)")
      }
      index = entry.index
      term = entry.term
    }
  }

  /// A term never falls, and a vote once given in a term stays.
  static func checkStep(
    _ region: UInt64, from old: HardState, to new: HardState
  ) throws(LogStoreError) {
    guard new.term >= old.term else {
      throw .invalidBatch(region: region, reason: "term falls from \(old.term) to \(new.term)")
    }
    guard new.term > old.term || old.vote == 0 || new.vote == old.vote else {
      throw .invalidBatch(
        region: region, reason: "vote of term \(old.term) changes from \(old.vote) to \(new.vote)")
    }
  }

  static func checkKey(_ region: UInt64, _ key: [UInt8]) throws(LogStoreError) {
    guard key.count <= longestKey else {
      throw .invalidBatch(region: region, reason: "a key of \(key.count) bytes")
    }
  }
}
