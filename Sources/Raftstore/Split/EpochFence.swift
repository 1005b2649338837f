/// The epoch changes that this peer has proposed as leader and not applied yet. TiKV: `CmdEpochChecker`.
///
/// A command that depends on a part of the epoch is not proposed behind a command that changes this part: it
/// would be refused when it is applied. Membership changes do not hold up writes.
struct EpochFence {
  private struct Change {
    var index: UInt64
    var term: UInt64
    var parts: RequestCheck.EpochParts
  }

  /// In order of index. Changes of an earlier term are not counted: another entry may take their place.
  private var changes: [Change] = []

  /// Whether a change of one of `parts` was proposed in `term` and is not applied yet.
  func isPending(_ parts: RequestCheck.EpochParts, term: UInt64) -> Bool {
    changes.contains { $0.term == term && !$0.parts.isDisjoint(with: parts) }
  }

  /// A command that changes `parts` was proposed.
  mutating func proposed(_ parts: RequestCheck.EpochParts, index: UInt64, term: UInt64) {
    changes.removeAll { $0.term != term }
    changes.append(Change(index: index, term: term, parts: parts))
  }

  /// Entries up to `index` are applied.
  mutating func applied(through index: UInt64) {
    if changes.isEmpty { return }
    changes.removeAll { $0.index <= index }
  }
}
