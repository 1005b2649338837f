import RPC
import Raftstore

/// The one rule about sizes on the wire, in bytes: whatever a store sends must be taken by whoever
/// receives it. A raft message that is too large would be sent again for ever.
enum MessageSizes {
  /// The largest message that stores and placement drivers take.
  static let receiveLimit = ServerConfiguration().maxReceiveMessageBytes

  /// What may come on top of entries or data in a message: ids, a region's keys, the headers of up to 256
  /// raft messages.
  static let overhead = 1 << 20

  /// The largest entry that may be accepted.
  static let largestEntry = receiveLimit - overhead

  /// What a message may hold at most, beside the overhead, by what is settled in code. A batch ends at the
  /// first of these bounds unless it consists of one message; that one holds one entry or less than
  /// `maxSizePerMessage`.
  static let settled = [SendQueue.maxBatchBytes, SnapshotStreamWriter.chunkSize]

  /// Why messages of a store with that configuration might be refused; nil when all fit.
  static func problem(_ raftstore: RaftstoreConfig) -> String? {
    if raftstore.maxEntrySize > largestEntry {
      return
        "raft-entry-max-size must be at most \(largestEntry) bytes: stores take messages of up "
        + "to \(receiveLimit) bytes"
    }
    if raftstore.maxSizePerMessage > largestEntry {
      return "raft-max-size-per-msg must be at most \(largestEntry) bytes"
    }
    return nil
  }
}
