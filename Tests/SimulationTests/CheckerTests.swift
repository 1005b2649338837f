import Codec
import Engine
import Raft
import RaftLog
import Raftstore
import Runtime
import Testing

@testable import Simulation
@testable import SimulationKit

/// Each checker finds nothing in a healthy cluster and the one thing that is wrong in a tampered one.
@Suite struct CheckerTests {
  /// Looks at the healthy cluster, has it tampered with, and looks again.
  private func finding(
    _ checker: any ClusterChecker, _ stage: CheckerFixture, atRest: Bool = false,
    _ tamper: (CheckerFixture) throws -> Void
  ) throws -> String {
    let healthy = try stage.view()
    #expect((atRest ? checker.checkQuiescent(healthy) : checker.check(healthy)) == nil)
    try tamper(stage)
    let view = try stage.view()
    return (atRest ? checker.checkQuiescent(view) : checker.check(view)) ?? "nothing"
  }

  @Test func aHealthyClusterPasses() throws {
    let stage = try CheckerFixture(boundaries: [WorkloadKeys.key(10)])
    let checkers = CheckerCatalog.make()
    for round in 0..<3 {
      let view = try stage.view()
      for checker in checkers {
        #expect(checker.check(view) == nil, "round \(round), \(checker.name)")
      }
      try stage.write(5)
    }
    stage.pass(.seconds(1))
    let view = try stage.view()
    for checker in checkers where !(checker is QuiescenceChecker) {
      #expect(checker.checkQuiescent(view) == nil, "\(checker.name)")
    }
  }

  // MARK: Elections and promises

  @Test func twoLeadersOfOneTerm() throws {
    let found = try finding(ElectionSafetyChecker(), CheckerFixture()) { stage in
      let status = try #require(try stage.view().leader(of: stage.regionID)).status
      let impostor = try #require(status.region.peers.first { $0.id != status.peer.id })
      stage.cluster.network.observer.observe(
        RaftEnvelope(
          regionID: status.region.id, from: impostor, to: status.peer,
          message: message(.heartbeat, status.term)))
    }
    #expect(found.contains("has two leaders in term"))
  }

  @Test func twoVotesInOneTerm() throws {
    let found = try finding(DurabilityChecker(), CheckerFixture()) { stage in
      let status = try #require(try stage.view().leader(of: stage.regionID)).status
      let peers = status.region.peers
      // The first grants its vote to both others, in a term of the past.
      for candidate in peers.dropFirst() {
        var vote = message(.voteResponse, 1)
        vote.to = candidate.id
        stage.cluster.network.observer.observe(
          RaftEnvelope(
            regionID: status.region.id, from: peers[0], to: candidate, message: vote))
      }
    }
    #expect(found.contains("voted for peers"))
  }

  @Test func aTermThatFalls() throws {
    let found = try finding(DurabilityChecker(), CheckerFixture()) { stage in
      let store = try stage.follower()
      var (state, log) = try parts(of: store, stage)
      store.end(.killed)
      state.term -= 1
      try stage.replaceLog(store, after: log.lastIndex, term: log.lastTerm, state)
    }
    #expect(found.contains("its term falls"))
  }

  @Test func aVoteThatChanges() throws {
    let found = try finding(DurabilityChecker(), CheckerFixture()) { stage in
      let store = try stage.leader()
      var (state, log) = try parts(of: store, stage)
      store.end(.killed)
      #expect(state.vote != 0)
      state.vote += 1
      try stage.replaceLog(store, after: log.lastIndex, term: log.lastTerm, state)
    }
    #expect(found.contains("its vote in term"))
  }

  @Test func aConfirmedEntryThatIsGone() throws {
    let found = try finding(DurabilityChecker(), CheckerFixture()) { stage in
      let store = try stage.follower()
      var (state, log) = try parts(of: store, stage)
      store.end(.killed)
      state.commit = log.lastIndex - 3
      try stage.replaceLog(store, after: log.lastIndex - 3, term: log.lastTerm, state)
    }
    #expect(found.contains("it confirmed entries up to"))
  }

  // MARK: Logs

  @Test func aCommittedEntryThatIsAnotherOne() throws {
    let found = try finding(LogMatchingChecker(), CheckerFixture()) { stage in
      let store = try stage.follower()
      let (state, log) = try parts(of: store, stage)
      store.end(.killed)
      try stage.replaceLog(
        store, after: log.truncatedIndex, term: log.truncatedTerm, HardState(term: state.term))
      var entries = try stage.leader().disk.logs.entries(
        stage.regionID, from: log.truncatedIndex + 1, to: log.lastIndex + 1, maxBytes: .max)
      entries[entries.count - 3].data.append(1)
      var batch = LogBatch()
      batch.append(try stage.regionID, entries)
      batch.setHardState(try stage.regionID, state)
      _ = try store.disk.logs.write(batch, .synced)
      store.start()
    }
    #expect(found.contains("is not what it is elsewhere"))
  }

  @Test func aCommittedEntryOfAnotherTerm() throws {
    let found = try finding(LogMatchingChecker(), CheckerFixture()) { stage in
      let store = try stage.follower()
      let (state, log) = try parts(of: store, stage)
      store.end(.killed)
      try stage.replaceLog(
        store, after: log.lastIndex - 2, term: log.lastTerm,
        HardState(term: state.term + 2, commit: log.lastIndex - 2))
      var batch = LogBatch()
      batch.append(
        try stage.regionID,
        [
          Entry(term: state.term + 2, index: log.lastIndex - 1),
          Entry(term: state.term + 2, index: log.lastIndex),
        ])
      batch.setHardState(
        try stage.regionID, HardState(term: state.term + 2, commit: log.lastIndex))
      _ = try store.disk.logs.write(batch, .synced)
    }
    #expect(found.contains("was committed, now it is of term"))
  }

  @Test func aLeaderWithoutWhatWasCommitted() throws {
    let stage = try CheckerFixture()
    let checker = LogMatchingChecker()
    let view = try stage.view()
    #expect(checker.check(view) == nil)
    let leader = try #require(view.leader(of: stage.regionID))
    var status = leader.status
    status.lastIndex -= 1
    let tampered = ClusterView(
      cluster: stage.cluster, replicas: [leader.store.number: [status]])
    #expect(checker.check(tampered)?.contains("was committed") == true)
    // A leader of the past may lack it.
    status.term -= 1
    let past = ClusterView(cluster: stage.cluster, replicas: [leader.store.number: [status]])
    #expect(checker.check(past) == nil)
  }

  private func parts(
    of store: SimulatedStore, _ stage: CheckerFixture
  ) throws -> (HardState, DiskView.LogBounds) {
    let replica = try stage.replica(store)
    return (replica.hardState, try #require(replica.log))
  }

  private func message(_ type: MessageType, _ term: UInt64) -> Message {
    var message = Message(type)
    message.term = term
    return message
  }

  // MARK: Indexes, leases

  @Test func appliedBeyondTheLog() throws {
    let found = try finding(IndexOrderChecker(), CheckerFixture()) { stage in
      try change(stage) { $0.appliedIndex += 1_000 }
    }
    #expect(found.contains("> last"))
  }

  @Test func appliedGoesBack() throws {
    let found = try finding(IndexOrderChecker(), CheckerFixture()) { stage in
      try change(stage) { $0.appliedIndex -= 1 }
    }
    #expect(found.contains("applied falls from"))
  }

  @Test func committedBeyondTheLogInMemory() throws {
    let stage = try CheckerFixture()
    var status = try #require(try stage.view().all.first).status
    status.committed = status.lastIndex + 1
    let view = ClusterView(cluster: stage.cluster, replicas: [1: [status]])
    #expect(IndexOrderChecker().check(view)?.contains("> last") == true)
  }

  private func change(_ stage: CheckerFixture, _ body: (inout ApplyState) -> Void) throws {
    let store = try stage.follower()
    var state = try #require(try stage.replica(store).apply)
    body(&state)
    try stage.write(store) { batch in
      batch.put(.raft, KeyLayout.applyState(regionID: try stage.regionID), state.encoded())
    }
  }

  @Test func twoLeases() throws {
    let found = try finding(LeaseChecker(), CheckerFixture()) { stage in
      for store in stage.cluster.stores {
        let delegate = try #require(store.store?.meta.delegate(stage.regionID))
        delegate.renew(Lease(term: 50, end: store.machine.clock.now + .seconds(1)))
      }
    }
    #expect(found.contains("is led by lease on"))
  }

  /// As if one region had been split off the other, which does not know.
  @Test func leasesOfTwoRegionsOverOneKey() throws {
    let stage = try CheckerFixture(boundaries: [WorkloadKeys.key(10)])
    let found = try finding(LeaseChecker(), stage) { stage in
      let regions = stage.cluster.newestRegions()
      for store in stage.cluster.stores {
        for region in regions { store.store?.meta.delegate(region.id)?.expire() }
      }
      for (position, region) in regions.enumerated() {
        let store = stage.cluster.stores[position]
        let delegate = try #require(store.store?.meta.delegate(region.id))
        delegate.renew(Lease(term: 50, end: store.machine.clock.now + .seconds(1)))
        var wide = region
        if position == 0 { (wide.startKey, wide.endKey) = ([], []) }
        delegate.update(region: wide)
      }
    }
    #expect(found.contains("both hold keys"))
  }

  @Test func aPausedStoreHoldsNoLease() throws {
    let found = try finding(LeaseChecker(), CheckerFixture()) { stage in
      for (place, store) in stage.cluster.stores.enumerated() {
        let delegate = try #require(store.store?.meta.delegate(stage.regionID))
        delegate.renew(Lease(term: 50, end: store.machine.clock.now + .seconds(1)))
        if place > 0 { store.machine.process?.isPaused = true }
      }
    }
    #expect(found == "nothing")
  }

  @Test func aLeaderElectedAgainstALease() throws {
    let found = try finding(LeaseChecker(), CheckerFixture()) { stage in
      // Known by its first message, however short the lease.
      let view = try stage.view()
      let status = try #require(view.leader(of: stage.regionID)).status
      for store in stage.cluster.stores { store.store?.meta.delegate(try stage.regionID)?.expire() }
      let holder = try #require(stage.cluster.stores.first)
      let delegate = try #require(holder.store?.meta.delegate(stage.regionID))
      delegate.renew(Lease(term: status.term, end: holder.machine.clock.now + .milliseconds(1)))
      let rival = try #require(status.region.peers.last)
      stage.cluster.network.observer.observe(
        RaftEnvelope(
          regionID: status.region.id, from: rival, to: status.peer,
          message: message(.append, status.term + 1)))
      delegate.expire()
    }
    #expect(found.contains("while store1 has a lease"))
  }

  @Test func aLeaseThatOutlivesItsTerm() throws {
    let found = try finding(LeaseChecker(), CheckerFixture()) { stage in
      for store in stage.cluster.stores { store.store?.meta.delegate(try stage.regionID)?.expire() }
      let store = try stage.follower()
      let delegate = try #require(store.store?.meta.delegate(stage.regionID))
      delegate.renew(Lease(term: 1, end: store.machine.clock.now + .seconds(1)))
      for other in stage.cluster.stores where other !== store {
        other.machine.process?.isPaused = true
      }
    }
    #expect(found.contains("has applied an entry of term"))
  }
}
