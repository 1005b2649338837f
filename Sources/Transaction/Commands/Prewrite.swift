package import Codec
package import Engine

/// Locks keys of a transaction with their new values: the first phase. Optimistic, pessimistic or a flush of a pipelined
/// transaction; with two phases, with async commit, or in one phase.
///
/// With async commit the transaction is committed when all keys are prewritten, at the largest `minCommitTS` of their
/// locks. In one phase the records are written at once. Both need `max_ts` of a leader that has synchronized it with the
/// oracle, which the caller checks (`needsMaxTS`). Where they cannot be used the prewrite falls back to two phases, and
/// the response's timestamps are zero.
package struct Prewrite: Sendable {
  /// In the client's order. Of one region.
  package var mutations: [PrewriteMutation]
  /// The user key that decides over the transaction.
  package var primary: [UInt8]
  package var startTS: Timestamp
  /// Milliseconds.
  package var ttl: UInt64 = 0
  /// The number of keys of the transaction.
  package var txnSize: UInt64 = 0
  /// Zero: an optimistic transaction. In a pessimistic one it is present, and with it `isPessimistic`.
  package var forUpdateTS = Timestamp.zero
  package var isPessimistic = false
  package var minCommitTS = Timestamp.zero
  /// A larger computed commit timestamp makes the prewrite fall back to two phases. Zero: no bound.
  package var maxCommitTS = Timestamp.zero
  /// The other user keys of the transaction; nil: no async commit.
  package var secondaries: [[UInt8]]?
  /// Whether all keys of the transaction are here, so that it may be committed in one phase.
  package var triesOnePhase = false
  /// Whether the client knows that no newer versions exist.
  package var skipsConstraintCheck = false
  /// Whether a first request may have been executed, or the transaction is known to have committed
  /// (`TransactionStatusCache`). Keys that need no check are then checked.
  package var isRetry = false
  package var assertionLevel = AssertionLevel.off
  package var txnSource: UInt64 = 0
  /// The number of the flush of a pipelined transaction; 0: another transaction.
  package var generation: UInt64 = 0

  package init(_ mutations: [PrewriteMutation], primary: [UInt8], startTS: Timestamp) {
    self.mutations = mutations
    self.primary = primary
    self.startTS = startTS
  }

  /// A flush of a pipelined transaction: a prewrite whose locks later flushes replace.
  ///
  /// - Parameter generation: greater than 0; a lock of the same or a later one is left as it is.
  package static func flush(
    _ mutations: [PrewriteMutation], primary: [UInt8], startTS: Timestamp, generation: UInt64
  ) throws(TransactionError) -> Prewrite {
    guard generation > 0 else { throw .invalidRequest("a flush without a generation") }
    guard startTS != .max else { throw .invalidRequest("a start timestamp above all others") }
    var prewrite = Prewrite(mutations, primary: primary, startTS: startTS)
    prewrite.generation = generation
    prewrite.txnSize = .max
    prewrite.minCommitTS = Timestamp(startTS.value + 1)
    return prewrite
  }

  /// What a prewrite returns.
  package struct Response: Sendable, Hashable {
    /// Of async commit: the largest of all keys. Zero if it fell back or was not wanted.
    package var minCommitTS: Timestamp
    /// Zero unless the transaction was committed in one phase.
    package var onePhaseCommitTS: Timestamp
  }

  /// Whether the prewrite depends on `max_ts`.
  package var needsMaxTS: Bool { secondaries != nil || triesOnePhase }

  /// Above this number of mutations it pays to look first whether the range has records at all.
  private static let probedMutations = 12

  /// Nothing is written if a key is locked by another transaction, all of which are reported, or on any other error.
  package func execute(
    _ snapshot: any KVReader, _ concurrency: ConcurrencyControl
  ) throws(TransactionError) -> CommandOutput<Response> {
    let keys = mutations.map { MVCCKey($0.key) }
    for key in keys where key.encoded.count > MVCCKey.maxEncodedCount {
      throw .keyTooLong(key.encoded.count)
    }
    let reader = MVCCReader(snapshot, keys: keys)
    if !isPessimistic, mutations.count > Self.probedMutations { try reader.probeRecords() }
    var execution = PrewriteExecution(self, reader, concurrency)
    do throws(TransactionError) {
      for (mutation, key) in zip(mutations, keys) { try execution.prewrite(mutation, key) }
      return try execution.finish()
    } catch {
      execution.releaseMemoryLocks()
      throw error
    }
  }
}
