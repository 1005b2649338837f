package import Codec

/// Carries raft messages to other stores. Never blocks and may lose, repeat or reorder what it is
/// given; a loss it notices is reported to the router so that the raft core slows down.
package protocol Transport: AnyObject, Sendable {
  /// Says who this store is, once, before anything is sent.
  func identify(_ ident: StoreIdent, incarnation: UInt64)
  /// Sends messages of any regions; those to one store leave together where that is possible.
  /// Callable from any thread.
  func send(_ envelopes: [RaftEnvelope])

  /// Sends a snapshot message after streaming its files; the end is notified by
  /// `RaftWorkerMessage.snapshotSent`, exactly once.
  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey)

  /// Asks another store whether it agrees with leaders of this one.
  ///
  /// - Parameter completion: called at most once, on any thread, with the regions for which it agrees. Not called if the
  ///   store does not respond in time.
  func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void)
}

extension Transport {
  /// For transports within one process, which know whom they connect.
  package func identify(_ ident: StoreIdent, incarnation: UInt64) {}
}
