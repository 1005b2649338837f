package import Codec
package import Engine
import Logging
package import Runtime

/// Scans the locks of a region for its `LockTracker`.
package struct LockScan: Sendable {
  package var regionID: UInt64
  package var peerID: UInt64
  /// Of the tracker.
  package var number: UInt64
  package var range: KeyRange
  package var view: any KVSnapshot
  /// Gets `ApplyMessage.locksScanned`.
  package var reply: Mailbox<ApplyMessage>
}

/// Where an apply worker has locks scanned.
package struct LockScans: Sendable {
  var worker: Mailbox<LockScan>
  /// The apply worker's own.
  var reply: Mailbox<ApplyMessage>
  var maxBytes: Int
}

/// Reads what locks there are when a leader begins to track them. It has a thread of its own, since the family has many
/// deleted entries.
struct LockScanWorker: Handler {
  private let maxBytes: Int
  private let logger: Logger

  init(maxBytes: Int, logger: Logger) {
    self.maxBytes = maxBytes
    self.logger = logger
  }

  mutating func handle(_ batch: [LockScan]) {
    for scan in batch {
      do throws(EngineError) {
        let found = try LockTracker.scan(scan.range, in: scan.view, maxBytes: maxBytes)
        scan.reply.post(.locksScanned(scan, found))
      } catch {
        logger.warning("region \(scan.regionID): its locks cannot be read: \(error)")
        scan.reply.post(.locksScanned(scan, nil))
      }
    }
  }
}
