/// Why and how a node asks for votes.
enum CampaignKind: Sendable, Equatable {
  /// Asks whether it could win, without raising the term.
  case preElection
  case election
  /// On the leader's request: voters do not hold on to the leader.
  case transfer

  /// What travels in the vote requests of a transfer.
  static let transferContext = Array("CampaignTransfer".utf8)
}
