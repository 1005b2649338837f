/// Gathers the lowest resolved timestamp of all shards of a store in a round of `advanceSafeTS`.
struct ResolvedRound {
  private var round: UInt64 = 0
  private var shards = 0
  private var lowest: UInt64?

  /// Takes in what one shard says: 0 if one of its leaders does not know, nil without leaders.
  ///
  /// - Returns: the lowest of all, when the last shard has responded and there are leaders. A round in which a shard is
  ///   late comes to nothing.
  mutating func add(_ timestamp: UInt64?, round: UInt64, shards count: Int) -> UInt64? {
    if round > self.round { self = ResolvedRound(round: round) }
    guard round == self.round else { return nil }
    shards += 1
    if let timestamp { lowest = min(lowest ?? .max, timestamp) }
    return shards == count ? lowest : nil
  }

  init(round: UInt64 = 0) { self.round = round }
}
