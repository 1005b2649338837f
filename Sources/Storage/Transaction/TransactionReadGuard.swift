package import Codec
import Raftstore
package import Transaction

/// The locks in memory and the `max_ts` of a store, for the reads that its followers serve.
package struct TransactionReadGuard: ReadGuard {
  private let concurrency: ConcurrencyControl

  package init(_ concurrency: ConcurrencyControl) {
    self.concurrency = concurrency
  }

  package func raise(to timestamp: UInt64) {
    concurrency.raiseMaxTS(to: Timestamp(timestamp))
  }

  package var oldestInProgress: UInt64? { concurrency.minStartTS?.value }

  package func blocks(readAt timestamp: UInt64, in range: KeyRange) -> Bool {
    concurrency.hasLock(in: range, committingAtOrBefore: Timestamp(timestamp))
  }
}
