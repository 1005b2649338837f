import Testing

@testable import Raft

/// `RawNode.appendCommitted`: entries that another log is known to have committed, as the merge of a region brings them.
@Suite struct CatchUpTests {
  /// A follower with entries 1 and 2 of term 1, of which the first is committed.
  private func follower() throws -> RawNode<MemoryStorage> {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
    var node = try RawNode(config: Config(id: 1), storage: storage)
    var append = message(.append, from: 2, to: 1, term: 1)
    append.entries = [Entry(term: 1, index: 1), Entry(term: 1, index: 2)]
    append.commit = 1
    try node.step(append)
    return node
  }

  @Test func aCommitWithoutEntriesIsForwarded() throws {
    var node = try follower()
    #expect(try node.appendCommitted([], commit: 2))
    #expect(node.committed == 2 && node.term == 1)
    #expect(try !node.appendCommitted([], commit: 3))
    #expect(node.committed == 2 && node.lastIndex == 2)
  }

  @Test func theTermIsThatOfTheEntries() throws {
    var node = try follower()
    let entries = [Entry(term: 4, index: 2), Entry(term: 5, index: 3)]
    #expect(try node.appendCommitted(entries, commit: 3))
    #expect(node.committed == 3 && node.lastIndex == 3)
    #expect(node.term(at: 2) == 4 && node.term == 5)
    #expect(node.role == .follower && node.leaderID == NodeID.none)
    // What is there already changes nothing.
    #expect(try node.appendCommitted(entries, commit: 3))
    #expect(node.lastIndex == 3 && node.term == 5)
  }

  @Test func aGapChangesNothing() throws {
    var node = try follower()
    for entries in [
      [Entry(term: 2, index: 4)], [Entry(term: 2, index: 2)],
      [Entry(term: 2, index: 2), Entry(term: 2, index: 4)],
    ] {
      #expect(try !node.appendCommitted(entries, commit: 4))
      #expect(node.lastIndex == 2 && node.committed == 1 && node.term == 1)
    }
  }
}
