import Testing

@testable import Raft

/// rawnode_test and node_test: readies and inputs of a node.
@Suite struct RawNodeTests {
  /// A node on its own storage, with the storing and applying that its owner would do.
  private struct Driver {
    var raw: RawNode<MemoryStorage>
    let storage: MemoryStorage
    var applied: [Entry] = []
    var readies: [Ready] = []

    init(
      _ storage: MemoryStorage, id: UInt64 = 1, _ adjust: (inout Config) -> Void = { _ in }
    ) throws {
      self.storage = storage
      var config = Config(id: id)
      adjust(&config)
      raw = try RawNode(config: config, storage: storage)
    }

    init(voters: [UInt64], _ adjust: (inout Config) -> Void = { _ in }) throws {
      try self.init(MemoryStorage(confState: ConfState(voters: voters)), adjust)
    }

    /// Does what one ready asks for, up to `advance`.
    @discardableResult
    mutating func handle() throws -> Ready {
      let ready = try raw.ready()
      if let state = ready.hardState { storage.setHardState(state) }
      if let snapshot = ready.snapshot { try storage.applySnapshot(snapshot) }
      try storage.append(ready.entries)
      for entry in ready.committedEntries {
        applied.append(entry)
        if let change = try ConfChangeV2.carried(by: entry) { try raw.applyConfChange(change) }
      }
      try raw.advance()
      readies.append(ready)
      return ready
    }

    mutating func settle() throws {
      while raw.hasReady { try handle() }
    }

    mutating func elect() throws {
      try raw.campaign()
      try settle()
      #expect(raw.isLeader)
    }
  }

  /// What the leader believed to be on a peer that has lost its log is sent again, and not counted.
  @Test func aPeerThatLostItsLogReceivesTheWholeLog() throws {
    var driver = try Driver(voters: [1, 2, 3])
    try driver.raw.campaign()
    try driver.settle()
    try driver.raw.step(message(.voteResponse, from: 2, to: 1, term: 1))
    try driver.settle()
    try driver.raw.propose(bytes("a"))
    try driver.settle()
    try driver.raw.step(message(.appendResponse, from: 2, to: 1, term: 1, index: 2))
    try driver.settle()
    #expect(driver.raw.progress(of: 2)?.match == 2 && driver.raw.committed == 2)
    driver.readies = []
    for id in [1, 3, 9] as [UInt64] { try driver.raw.restartReplication(to: id) }
    try driver.settle()
    #expect(driver.raw.progress(of: 1)?.match == 2 && driver.raw.progress(of: 3)?.match == 0)
    #expect(driver.readies.flatMap(\.messages).isEmpty)
    try driver.raw.restartReplication(to: 2)
    try driver.settle()
    let progress = try #require(driver.raw.progress(of: 2))
    #expect(progress.match == 0 && progress.state == .probe)
    let sent = driver.readies.flatMap(\.messages)
    #expect(sent.map(\.type) == [.append] && sent.map(\.to) == [2])
    #expect(sent.first?.index == 0 && sent.first?.entries.count == 2)
    // A third entry is not committed by what the peer once had.
    try driver.raw.propose(bytes("b"))
    try driver.settle()
    #expect(driver.raw.committed == 2)
    try driver.raw.step(message(.appendResponse, from: 2, to: 1, term: 1, index: 3))
    try driver.settle()
    #expect(driver.raw.committed == 3)
  }

  @Test func testRawNodeStep() throws {
    for type in MessageType.allCases {
      let storage = MemoryStorage()
      storage.setHardState(HardState(term: 1, commit: 1))
      try storage.append(entries([1]))
      try storage.applySnapshot(snapshot(at: 1, term: 1, voters: [1]))
      var raw = try RawNode(config: Config(id: 1), storage: storage)
      let stepped = Message(type, to: 1, from: 5, term: 1)
      if type.isLocal {
        #expect(throws: RaftError.stepLocalMessage, "\(type)") { try raw.step(stepped) }
      } else if type.isResponse {
        #expect(throws: RaftError.stepPeerNotFound, "\(type)") { try raw.step(stepped) }
      }
    }
  }

  @Test func numbersOutOfRangeAreRefused() throws {
    var raw = try RawNode(
      config: Config(id: 1), storage: MemoryStorage(confState: ConfState(voters: [1, 2])))
    for damage: (inout Message) -> Void in [
      { $0.term = .max }, { $0.index = .max }, { $0.commit = .max },
      { $0.snapshot = snapshot(at: .max, term: 1, voters: [1]) },
    ] {
      var damaged = Message(.append, to: 1, from: 2, term: 1)
      damage(&damaged)
      #expect(throws: RaftError.self) { try raw.step(damaged) }
    }
  }

  struct ChangeCase: Sendable {
    var change: ConfChangeV2
    var v1 = false
    var state: ConfState
    /// After leaving a joint configuration, if one was entered.
    var left: ConfState?
  }

  static let changeCases = [
    ChangeCase(
      change: ConfChangeV2(changes: [ConfChangeSingle(type: .addNode, nodeID: 2)]), v1: true,
      state: ConfState(voters: [1, 2])),
    ChangeCase(
      change: ConfChangeV2(changes: [ConfChangeSingle(type: .addNode, nodeID: 2)]),
      state: ConfState(voters: [1, 2])),
    ChangeCase(
      change: ConfChangeV2(changes: [ConfChangeSingle(type: .addLearnerNode, nodeID: 2)]),
      state: ConfState(voters: [1], learners: [2])),
    ChangeCase(
      change: ConfChangeV2(
        transition: .jointExplicit,
        changes: [ConfChangeSingle(type: .addLearnerNode, nodeID: 2)]),
      state: ConfState(voters: [1], learners: [2], votersOutgoing: [1]),
      left: ConfState(voters: [1], learners: [2])),
    ChangeCase(
      change: ConfChangeV2(
        transition: .jointImplicit,
        changes: [ConfChangeSingle(type: .addLearnerNode, nodeID: 2)]),
      state: ConfState(voters: [1], learners: [2], votersOutgoing: [1], autoLeave: true),
      left: ConfState(voters: [1], learners: [2])),
    ChangeCase(
      change: ConfChangeV2(changes: [
        ConfChangeSingle(type: .addNode, nodeID: 2),
        ConfChangeSingle(type: .addLearnerNode, nodeID: 1),
        ConfChangeSingle(type: .addLearnerNode, nodeID: 3),
      ]),
      state: ConfState(
        voters: [2], learners: [3], votersOutgoing: [1], learnersNext: [1], autoLeave: true),
      left: ConfState(voters: [2], learners: [1, 3])),
    ChangeCase(
      change: ConfChangeV2(
        transition: .jointExplicit,
        changes: [
          ConfChangeSingle(type: .addNode, nodeID: 2),
          ConfChangeSingle(type: .addLearnerNode, nodeID: 1),
          ConfChangeSingle(type: .addLearnerNode, nodeID: 3),
        ]),
      state: ConfState(
        voters: [2], learners: [3], votersOutgoing: [1], learnersNext: [1]),
      left: ConfState(voters: [2], learners: [1, 3])),
  ]

  @Test(arguments: changeCases)
  func testRawNodeProposeAndConfChange(_ test: ChangeCase) throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.propose(bytes("somedata"))
    let data: [UInt8]
    if test.v1 {
      let single = test.change.changes[0]
      let change = ConfChange(type: single.type, nodeID: single.nodeID)
      data = change.encoded()
      try driver.raw.proposeConfChange(change)
    } else {
      data = test.change.encoded()
      try driver.raw.proposeConfChange(test.change)
    }
    let last = driver.raw.lastIndex
    #expect(driver.raw.pendingConfIndex == last)
    // Appended, not applied.
    try driver.handle()
    let stored = try driver.storage.entries(from: last - 1, to: last + 1, maxSize: .max)
    #expect(stored.map(\.data) == [bytes("somedata"), data])
    #expect(stored.map(\.type) == [.normal, test.v1 ? .confChange : .confChangeV2])
    while driver.applied.last?.index != last { try driver.handle() }
    #expect(driver.raw.confState == test.state)
    guard let left = test.left else { return }
    if test.state.autoLeave {
      // The leader proposes to leave by itself when the change is applied.
      #expect(driver.raw.lastIndex == last + 1)
      #expect(driver.raw.pendingConfIndex == last + 1)
    } else {
      #expect(driver.raw.lastIndex == last)
      try driver.raw.proposeConfChange(ConfChangeV2())
    }
    let leave = try #require(try driver.raw.ready().entries.last)
    #expect(leave.type == .confChangeV2 && leave.data.isEmpty)
    // Whether or not its author is still a voter: its application leaves the joint state.
    #expect(try driver.raw.applyConfChange(ConfChangeV2()) == left)
  }

  @Test func testRawNodeJointAutoLeave() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.proposeConfChange(
      ConfChangeV2(
        transition: .jointImplicit,
        changes: [ConfChangeSingle(type: .addLearnerNode, nodeID: 2)]))
    let index = driver.raw.lastIndex
    // Loses its leadership just before the change is applied.
    try driver.handle()
    let ready = try driver.raw.ready()
    #expect(ready.committedEntries.map(\.index) == [index])
    if let state = ready.hardState { driver.storage.setHardState(state) }
    try driver.raw.step(Message(.heartbeatResponse, to: 1, from: 1, term: driver.raw.term + 1))
    #expect(!driver.raw.isLeader)
    let change = try #require(try ConfChangeV2.carried(by: ready.committedEntries[0]))
    let state = try driver.raw.applyConfChange(change)
    #expect(state.autoLeave && state.votersOutgoing == [1])
    try driver.raw.advance()
    #expect(driver.raw.lastIndex == index)
    // Elected again, it leaves.
    try driver.elect()
    #expect(driver.raw.confState == ConfState(voters: [1], learners: [2]))
    let leaves = driver.applied.filter { $0.type == .confChangeV2 && $0.data.isEmpty }
    #expect(leaves.count == 1)
  }

  @Test func testRawNodeProposeAddDuplicateNode() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    let first = ConfChange(type: .addNode, nodeID: 1)
    let second = ConfChange(type: .addNode, nodeID: 2)
    for change in [first, first, second] {
      try driver.raw.proposeConfChange(change)
      let index = driver.raw.lastIndex
      while driver.applied.last?.index != index { try driver.handle() }
    }
    #expect(
      driver.applied.suffix(3).map(\.data)
        == [first.encoded(), first.encoded(), second.encoded()])
    #expect(driver.raw.confState.voters == [1, 2])
  }

  @Test func testRawNodeReadIndex() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.readIndex(context: bytes("somedata"))
    #expect(driver.raw.hasReady)
    let ready = try driver.handle()
    #expect(
      ready.readStates == [ReadState(index: driver.raw.committed, context: bytes("somedata"))])
    #expect(!driver.raw.hasReady)
  }

  @Test func testRawNodeStart() throws {
    var driver = try Driver(MemoryStorage())
    try driver.raw.bootstrap(peers: [BootstrapPeer(id: 1)])
    #expect(driver.raw.hasReady)
    let change = ConfChange(type: .addNode, nodeID: 1)
    let entry = Entry(type: .confChange, term: 1, index: 1, data: change.encoded())
    var want = Ready()
    want.hardState = HardState(term: 1, commit: 1)
    want.entries = [entry]
    want.committedEntries = [entry]
    want.mustSync = true
    #expect(try driver.handle() == want)
    try driver.elect()
    try driver.raw.propose(bytes("foo"))
    try driver.settle()
    #expect(driver.applied.map(\.index) == [1, 2, 3])
    #expect(driver.applied.map(\.term) == [1, 2, 2])
    #expect(driver.applied.last?.data == bytes("foo"))
    // The last ready only has the commit index, which need not be synced.
    let last = try #require(driver.readies.last)
    #expect(last.hardState == HardState(term: 2, vote: 1, commit: 3))
    #expect(!last.mustSync && last.entries.isEmpty && last.softState == nil)
    #expect(!driver.raw.hasReady)
    #expect(throws: RaftError.self) { try driver.raw.bootstrap(peers: [BootstrapPeer(id: 1)]) }
    #expect(throws: RaftError.self) { try driver.raw.bootstrap(peers: []) }
  }

  @Test func testRawNodeRestart() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
    storage.setHardState(HardState(term: 1, commit: 1))
    let stored = [Entry(term: 1, index: 1), Entry(term: 1, index: 2, data: bytes("foo"))]
    try storage.append(stored)
    var driver = try Driver(storage)
    // Nothing to store: the commit index is where it was.
    var want = Ready()
    want.committedEntries = [stored[0]]
    #expect(try driver.handle() == want)
    #expect(!driver.raw.hasReady)
  }

  @Test func testRawNodeRestartFromSnapshot() throws {
    let storage = MemoryStorage()
    storage.setHardState(HardState(term: 1, commit: 3))
    try storage.applySnapshot(snapshot(at: 2, term: 1, voters: [1, 2]))
    let entry = Entry(term: 1, index: 3, data: bytes("foo"))
    try storage.append([entry])
    var driver = try Driver(storage)
    var want = Ready()
    want.committedEntries = [entry]
    #expect(try driver.handle() == want)
    #expect(!driver.raw.hasReady)
  }

  @Test func testRawNodeStatus() throws {
    var driver = try Driver(voters: [1])
    #expect(driver.raw.status.progress.isEmpty)
    try driver.elect()
    let status = driver.raw.status
    #expect(status.basic.softState == SoftState(leader: 1, role: .leader))
    #expect(status.progress.map(\.id) == [1])
    #expect(status.progress.first?.progress == driver.raw.progress(of: 1))
    #expect(status.config.voters.incoming.ids == [1])
  }

  @Test func testRawNodeConsumeReady() throws {
    var raw = try RawNode(
      config: Config(id: 1), storage: MemoryStorage(confState: ConfState(voters: [1])))
    let (first, second) = (
      Message(.heartbeat, to: 2, from: 1), Message(.heartbeat, to: 3, from: 1)
    )
    raw.core.messages.append(first)
    // A look takes nothing.
    #expect(raw.hasReady && raw.hasReady)
    #expect(raw.core.messages == [first])
    #expect(try raw.ready().messages == [first])
    #expect(raw.core.messages.isEmpty)
    // What comes later stays for the next one.
    raw.core.messages.append(second)
    try raw.advance()
    #expect(raw.core.messages == [second])
  }

  @Test func testNodeTick() throws {
    var driver = try Driver(voters: [1])
    let elapsed = driver.raw.electionElapsed
    try driver.raw.tick()
    #expect(driver.raw.electionElapsed == elapsed + 1)
    driver.raw.tickQuiesced()
    #expect(driver.raw.electionElapsed == elapsed + 2)
  }

  /// An owner may put off a campaign, or have it early once the fixed part of the election timeout is over.
  @Test func campaignsArePutOffOrEarly() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
    var raw = try RawNode(config: Config(id: 1), storage: storage)
    raw.setRandomizedElectionTimeout(15)
    for _ in 1..<10 { raw.tickQuiesced() }
    #expect(try raw.campaignEarly() == false)
    #expect(raw.campaignDelay == nil && raw.role == .follower)
    raw.tickQuiesced()
    #expect(raw.electionElapsed == 10)
    // A leader that is known is waited for.
    var heard = try RawNode(config: Config(id: 1), storage: storage)
    try heard.step(message(.heartbeat, from: 2, to: 1, term: 1))
    for _ in 0..<30 { heard.tickQuiesced() }
    #expect(try heard.campaignEarly() == false)
    #expect(heard.campaignDelay.map { $0 > 0 } == true)
    #expect(try raw.campaignEarly())
    #expect(raw.role == .candidate && raw.electionElapsed == 0)

    var late = try RawNode(config: Config(id: 1), storage: storage)
    late.setRandomizedElectionTimeout(15)
    for _ in 1..<15 { late.tickQuiesced() }
    #expect(late.campaignDelay == 0)
    for _ in 0..<5 { late.tickQuiesced() }
    #expect(late.campaignDelay == 5 && late.role == .follower)
    #expect(try late.tick())
    #expect(late.role == .candidate && late.campaignDelay == nil)
  }

  @Test func testSoftStateEqual() {
    #expect(SoftState() == SoftState())
    #expect(SoftState(leader: 1) != SoftState())
    #expect(SoftState(role: .leader) != SoftState())
  }

  @Test func testIsHardStateEqual() {
    #expect(HardState().isEmpty && HardState() == HardState(term: 0, vote: 0, commit: 0))
    for state in [HardState(term: 1), HardState(vote: 1), HardState(commit: 1)] {
      #expect(state != HardState() && !state.isEmpty)
    }
  }

  @Test func testNodeProposeAddLearnerNode() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.proposeConfChange(ConfChange(type: .addLearnerNode, nodeID: 2))
    try driver.settle()
    #expect(driver.raw.confState == ConfState(voters: [1], learners: [2]))
  }

  @Test func testNodeAdvance() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.propose(bytes("foo"))
    _ = try driver.raw.ready()
    // Nothing more is given out before the first is done.
    #expect(throws: RaftError.self) { try driver.raw.ready() }
  }

  @Test func testNodeReadIndexToOldLeader() throws {
    let (one, two, three) = (
      try TestNode(1, peers: [1, 2, 3]), try TestNode(2, peers: [1, 2, 3]),
      try TestNode(3, peers: [1, 2, 3])
    )
    let network = try TestNetwork(nodes: one, two, three)
    try network.campaign(1)
    let context = [Entry(data: bytes("testdata"))]
    let request = message(.readIndex, from: 2, to: 2, entries: context)
    try two.step(request)
    let forwarded = try #require(try two.take().first)
    #expect(forwarded == message(.readIndex, from: 2, to: 1, entries: context))
    try network.campaign(3)
    // The old leader sends it on, without a term of its own.
    try one.step(forwarded)
    #expect(
      try one.take() == [message(.readIndex, from: 2, to: 3, entries: context)])
  }

  // MARK: Limits

  @Test func testAppendPagination() throws {
    let limit: UInt64 = 2048
    let network = try TestNetwork(3) { $0.maxSizePerMessage = limit }
    var seenLarge = false
    var largest: UInt64 = 0
    network.hook = { message in
      guard message.type == .append else { return true }
      let size = EntryLimits.payloadSize(of: message.entries)
      largest = max(largest, size)
      if size > limit / 2 { seenLarge = true }
      return true
    }
    try network.campaign(1)
    // Lets a follower fall behind.
    network.isolate(1)
    let blob = String(repeating: "a", count: 1000)
    for _ in 0..<5 { try network.propose(1, blob) }
    network.recover()
    try network.beat(1)
    #expect(seenLarge && largest <= limit)
    #expect(network[3].core.log.lastIndex == network[1].core.log.lastIndex)
  }

  @Test func testCommitPagination() throws {
    var driver = try Driver(voters: [1]) { $0.maxCommittedSizePerReady = 2048 }
    try driver.elect()
    let blob = [UInt8](repeating: 0x61, count: 1000)
    for _ in 0..<3 { try driver.raw.propose(blob) }
    try driver.handle()
    #expect(try driver.handle().committedEntries.count == 2)
    #expect(try driver.handle().committedEntries.count == 1)
    #expect(!driver.raw.hasReady)
  }

  /// A storage that returns more than it was asked for.
  private final class OversizedPagesStorage: LogStorage {
    let inner: MemoryStorage
    init(_ inner: MemoryStorage) { self.inner = inner }
    func initialState() throws(LogStorageError) -> (HardState, ConfState) {
      try inner.initialState()
    }
    func entries(
      from lo: UInt64, to hi: UInt64, maxSize: UInt64
    ) throws(LogStorageError) -> [Entry] {
      try inner.entries(from: lo, to: hi, maxSize: .max)
    }
    func term(at index: UInt64) throws(LogStorageError) -> UInt64 { try inner.term(at: index) }
    func firstIndex() -> UInt64 { inner.firstIndex() }
    func lastIndex() -> UInt64 { inner.lastIndex() }
    func snapshot() throws(LogStorageError) -> Snapshot { try inner.snapshot() }
  }

  /// The readies after a restart with ten committed entries and a limit just below their size.
  private func readiesAfterRestart() throws -> [Ready] {
    let inner = MemoryStorage(confState: ConfState(voters: [1]))
    inner.setHardState(HardState(term: 1, vote: 1, commit: 10))
    var size: UInt64 = 0
    for index: UInt64 in 1...10 {
      let entry = Entry(term: 1, index: index, data: bytes("a"))
      try inner.append([entry])
      size += entry.encodedSize
    }
    var config = Config(id: 1)
    config.maxSizePerMessage = size - 3 - 1
    var raw = try RawNode(config: config, storage: OversizedPagesStorage(inner))
    var readies: [Ready] = []
    while raw.hasReady {
      readies.append(try raw.ready())
      try raw.advance()
    }
    return readies
  }

  @Test func testNodeCommitPaginationAfterRestart() throws {
    // The commit index does not go back.
    for ready in try readiesAfterRestart() {
      #expect(ready.hardState.map { $0.commit >= 10 } ?? true)
    }
  }

  @Test func testRawNodeCommitPaginationAfterRestart() throws {
    // No gap in what is applied.
    let applied = try readiesAfterRestart().flatMap { $0.committedEntries.map(\.index) }
    #expect(applied == (1...10).map { $0 })
  }

  @Test func testNodePropose() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    try driver.raw.propose(bytes("somedata"))
    #expect(try driver.raw.ready().entries.map(\.data) == [bytes("somedata")])
  }

  @Test func testNodeProposeConfig() throws {
    var driver = try Driver(voters: [1])
    try driver.elect()
    let change = ConfChange(type: .addNode, nodeID: 1)
    try driver.raw.proposeConfChange(change)
    let proposed = try #require(try driver.raw.ready().entries.first)
    #expect(proposed.type == .confChange && proposed.data == change.encoded())
  }

  @Test func testRawNodeBoundedLogGrowthWithPartition() throws {
    let data = bytes("testdata")
    let entry = Entry(data: data)
    let limit = UInt64(16) * entry.payloadSize
    var driver = try Driver(voters: [1]) { $0.maxUncommittedEntriesSize = limit }
    try driver.elect()
    // Nothing is committed meanwhile.
    for _ in 0..<1024 {
      do { try driver.raw.propose(data) } catch { #expect(error == .proposalDropped) }
    }
    #expect(driver.raw.uncommittedSize == limit)
    // Appending frees nothing; applying does.
    try driver.handle()
    #expect(driver.raw.uncommittedSize == limit)
    try driver.handle()
    #expect(driver.raw.uncommittedSize == 0)
  }

  @Test func proposedBatchesAreOneProposal() throws {
    var driver = try Driver(voters: [1, 2])
    try driver.raw.campaign()
    try driver.handle()
    try driver.raw.step(Message(.voteResponse, to: 1, from: 2, term: 1))
    #expect(driver.raw.isLeader)
    try driver.raw.propose([bytes("a"), bytes("b"), bytes("c")])
    let ready = try driver.raw.ready()
    #expect(ready.entries.map(\.data) == [[], bytes("a"), bytes("b"), bytes("c")])
  }
}
