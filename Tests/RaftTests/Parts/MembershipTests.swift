import Runtime
import Testing

@testable import Raft

/// quorum, confchange, tracker and raftpb: memberships and what they decide.
@Suite struct MembershipTests {
  // MARK: quorum

  @Test func testDescribe() {
    #expect(QuorumTrace.picture(IDSet(), [:]) == "<empty majority quorum>")
    #expect(
      QuorumTrace.picture(IDSet([1]), [:]) == """
             idx
        ?      0    (id=1)

        """)
    #expect(
      QuorumTrace.picture(IDSet([1, 2, 3]), [1: 10, 2: 5, 3: 5]) == """
               idx
        xx>     10    (id=1)
        >        5    (id=2)
        >        5    (id=3)

        """)
    #expect(
      QuorumTrace.picture(IDSet([1, 2, 26]), [1: 12, 26: 3]) == """
               idx
        xx>     12    (id=1)
        ?        0    (id=2)
        x>       3    (id=1a)

        """)
  }

  @Test func testQuick() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<50_000 {
      let count = Int.random(in: 0...6, using: &random)
      var voters = IDSet()
      var acked: [UInt64: UInt64] = [:]
      for _ in 0..<count {
        let id = UInt64.random(in: 1...12, using: &random)
        voters.insert(id)
        if Bool.random(using: &random) { acked[id] = .random(in: 0...9, using: &random) }
      }
      let index = MajorityConfig.committedIndex(voters) { acked[$0] }
      #expect(index == QuorumTrace.alternative(voters, acked))
    }
  }

  @Test func idSetsAscend() {
    var set = IDSet([5, 1, 3, 1])
    #expect(set.ids == [1, 3, 5])
    set.remove(3)
    set.remove(4)
    #expect(set.ids == [1, 5] && set.contains(5) && !set.contains(3) && !set.contains(9))
    #expect(set.union(IDSet([2, 5])).ids == [1, 2, 5])
    #expect(set.symmetricDifferenceCount(IDSet([5, 7, 8])) == 3)
  }

  // MARK: confchange

  private func tracker() -> Tracker { Tracker(maxInflight: 10, maxInflightBytes: 0) }

  private func randomChanges(
    _ count: Int, _ random: inout SplitMix64
  ) -> [ConfChangeSingle] {
    let types: [ConfChangeType] = [.addNode, .removeNode, .addLearnerNode, .updateNode]
    return (0..<count).map { _ in
      ConfChangeSingle(
        type: types[Int.random(in: 0..<4, using: &random)],
        nodeID: .random(in: 1...8, using: &random))
    }
  }

  @Test func testConfChangeQuick() throws {
    var random = SplitMix64(seed: 11)
    for round in 0..<1000 {
      // Starts from a first voter, for a group cannot be without one.
      let setup =
        [ConfChangeSingle(type: .addNode, nodeID: 1)] + randomChanges(round % 5, &random)
      let changes = randomChanges(Int.random(in: 1...9, using: &random), &random)
      func start() throws -> Tracker {
        var tracker = tracker()
        for change in setup {
          let changer = ConfChanger(tracker: tracker, lastIndex: 10)
          guard let outcome = try? changer.simple([change]) else { continue }
          (tracker.config, tracker.progress) = outcome
        }
        return tracker
      }
      func joint(autoLeave: Bool) throws -> Tracker {
        var tracker = try start()
        (tracker.config, tracker.progress) = try ConfChanger(tracker: tracker, lastIndex: 10)
          .enterJoint(autoLeave: autoLeave, changes)
        (tracker.config, tracker.progress) = try ConfChanger(tracker: tracker, lastIndex: 10)
          .leaveJoint()
        return tracker
      }
      func stepwise() throws -> Tracker {
        var tracker = try start()
        for change in changes {
          (tracker.config, tracker.progress) = try ConfChanger(tracker: tracker, lastIndex: 10)
            .simple([change])
        }
        return tracker
      }
      // Changes one by one may pass through a state without voters where a joint one does not.
      guard let simple = try? stepwise() else { continue }
      let entered = try joint(autoLeave: false)
      #expect(entered.config == simple.config)
      #expect(entered.progress.ids == simple.progress.ids)
      let left = try joint(autoLeave: true)
      #expect(left.config == entered.config && left.progress == entered.progress)
    }
  }

  @Test func testRestore() throws {
    var random = SplitMix64(seed: 13)
    for _ in 0..<1000 {
      var pool = (1...UInt64(12)).map { $0 }
      pool.shuffle(using: &random)
      func take(_ most: Int) -> [UInt64] {
        let count = min(Int.random(in: 0...most, using: &random), pool.count)
        defer { pool.removeFirst(count) }
        return Array(pool.prefix(count))
      }
      let voters = take(3) + [pool.removeFirst()]
      let learners = take(3)
      var state = ConfState(voters: voters, learners: learners)
      // The outgoing half: removed voters, kept ones, and such as become learners.
      let removed = take(3)
      if !removed.isEmpty {
        let next = Array(removed.prefix(Int.random(in: 0...removed.count, using: &random)))
        state.votersOutgoing = removed + voters.prefix(Int.random(in: 0...2, using: &random))
        state.learnersNext = next
        state.autoLeave = Bool.random(using: &random)
      }
      var changer = ConfChanger(tracker: tracker(), lastIndex: 20)
      let outcome = try changer.restore(state)
      #expect(outcome.config.confState.isEquivalent(to: state))
    }
    var empty = ConfChanger(tracker: tracker(), lastIndex: 0)
    #expect(try empty.restore(ConfState()).config == TrackerConfig())
  }

  @Test func invariantsAreChecked() throws {
    var changer = ConfChanger(tracker: tracker(), lastIndex: 1)
    let whole = try changer.restore(
      ConfState(voters: [1, 2], learners: [5], votersOutgoing: [1, 3], learnersNext: [3]))
    func check(
      _ text: String, _ damage: (inout TrackerConfig, inout ProgressMap) -> Void
    ) {
      var (config, progress) = whole
      damage(&config, &progress)
      #expect(throws: RaftError.confChange(text)) {
        try MembershipInvariants.check(config, progress)
      }
    }
    check("no progress for 2") { $1[2] = nil }
    check("2 is in LearnersNext, but not Voters[1]") { config, _ in
      config.learnersNext.insert(2)
    }
    check("3 is in LearnersNext, but is already marked as learner") { $1[3]?.isLearner = true }
    check("1 is in Learners and Voters[1]") { config, _ in config.learners.insert(1) }
    check("2 is in Learners and Voters[0]") { config, _ in config.learners.insert(2) }
    check("5 is in Learners, but is not marked as learner") { $1[5]?.isLearner = false }
    check("AutoLeave must be false when not joint") { config, _ in
      config.voters.outgoing = IDSet()
      config.learnersNext = IDSet()
      config.autoLeave = true
    }
  }

  // MARK: raftpb

  @Test func testLeaveJoint() {
    #expect(ConfChangeV2().leavesJoint)
    #expect(!ConfChangeV2(transition: .jointImplicit).leavesJoint)
    #expect(!ConfChangeV2(changes: [ConfChangeSingle()]).leavesJoint)
    #expect(ConfChangeV2(context: bytes("context")).leavesJoint)
  }

  @Test func testConfState_Equivalent() {
    let one = ConfState(
      voters: [1, 2, 3], learners: [5, 4, 6], votersOutgoing: [9, 8, 7], learnersNext: [10, 20])
    let same = ConfState(
      voters: [1, 2, 3], learners: [4, 5, 6], votersOutgoing: [7, 9, 8], learnersNext: [20, 10])
    #expect(one.isEquivalent(to: same))
    #expect(!one.isEquivalent(to: ConfState(voters: [1, 2, 3])))
    var auto = same
    auto.autoLeave = true
    #expect(!one.isEquivalent(to: auto))
    #expect(ConfState().isEquivalent(to: ConfState()))
    #expect(!ConfState(voters: [1]).isEquivalent(to: ConfState(voters: [2])))
  }
}
