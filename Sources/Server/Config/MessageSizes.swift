import RPC
import Raftstore

/// Limits of message sizes, in bytes: a receiver must accept every message that a store sends. A raft message
/// above the limit would be sent again for ever.
enum MessageSizes {
  /// The largest message that stores and placement drivers accept.
  static let receiveLimit = ServerConfiguration().maxReceiveMessageBytes

  /// The most bytes of a message beside its entries or data: ids, a region's keys, the headers of up to 256 raft
  /// messages.
  static let overhead = 1 << 20

  /// The largest entry that may be proposed.
  static let largestEntry = receiveLimit - overhead

  /// The fixed limits of entries and data in a message. A batch ends at the first of them unless it is one
  /// message, which has one entry or less than `maxSizePerMessage`.
  static let fixed = [SendQueue.maxBatchBytes, SnapshotStreamWriter.chunkSize]

  /// Why messages of a store with that configuration might be refused; nil if all are accepted.
  static func problem(_ raftstore: RaftstoreConfig) -> String? {
    if raftstore.maxEntrySize > largestEntry {
      return
        "raft-entry-max-size must be at most \(largestEntry) bytes: stores accept messages of up "
        + "to \(receiveLimit) bytes"
    }
    if raftstore.maxSizePerMessage > largestEntry {
      return "raft-max-size-per-msg must be at most \(largestEntry) bytes"
    }
    return nil
  }
}
