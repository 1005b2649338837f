import Raft

/// Validation of batches, common to all log stores. Each function throws `invalidBatch`.
enum LogRules {
  /// Bytes.
  static let maxKeyLength = 4096

  /// Entries of one append have consecutive indexes from 1 or above, and terms that do not decrease.
  static func checkRun(_ region: UInt64, _ entries: [Entry]) throws(LogStoreError) {
    guard let first = entries.first else { return }
    guard first.index > 0 else {
      throw .invalidBatch(region: region, reason: "entry with index 0")
    }
    guard UInt64.max - first.index >= UInt64(entries.count) else {
      throw .invalidBatch(region: region, reason: "entry indexes overflow")
    }
    var index = first.index
    var term = first.term
    for entry in entries.dropFirst() {
      guard entry.index == index + 1 else {
        throw .invalidBatch(region: region, reason: "entry \(entry.index) follows \(index)")
      }
      guard entry.term >= term else {
        throw .invalidBatch(
          region: region, reason: "term decreases to \(entry.term) at index \(entry.index)")
      }
      index = entry.index
      term = entry.term
    }
  }

  /// A term never decreases, and the vote of a term does not change.
  static func checkStep(
    _ region: UInt64, from old: HardState, to new: HardState
  ) throws(LogStoreError) {
    guard new.term >= old.term else {
      throw .invalidBatch(region: region, reason: "term decreases from \(old.term) to \(new.term)")
    }
    guard new.term > old.term || old.vote == 0 || new.vote == old.vote else {
      throw .invalidBatch(
        region: region, reason: "vote of term \(old.term) changes from \(old.vote) to \(new.vote)")
    }
  }

  /// A key of the owner is not longer than `maxKeyLength`.
  static func checkKey(_ region: UInt64, _ key: [UInt8]) throws(LogStoreError) {
    guard key.count <= maxKeyLength else {
      throw .invalidBatch(
        region: region, reason: "key of \(key.count) bytes, limit \(maxKeyLength)")
    }
  }
}
