/// How linearizable reads are confirmed.
package enum ReadOnlyOption: Sendable, Equatable {
  /// By a round of heartbeats.
  case safe
  /// By the leader lease: needs `checkQuorum` and clocks of bounded drift.
  case leaseBased
}
