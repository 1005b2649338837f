@testable import Raft

/// A node under test whose disk is instant: what must wait for durability is delivered at once.
final class TestNode {
  var core: Consensus<MemoryStorage>
  let storage: MemoryStorage
  let config: Config

  init(
    _ id: UInt64, peers: [UInt64] = [], learners: [UInt64] = [], election: Int = 10,
    heartbeat: Int = 1, storage: MemoryStorage? = nil, _ adjust: (inout Config) -> Void = { _ in }
  ) throws {
    self.storage =
      storage ?? MemoryStorage(confState: ConfState(voters: peers, learners: learners))
    var config = Config(id: id, electionTick: election, heartbeatTick: heartbeat)
    config.seed = id
    adjust(&config)
    self.config = config
    core = try Consensus.start(config: config, storage: self.storage)
  }

  /// A node whose log holds entries of these terms, and whose term is the last of them.
  convenience init(
    _ id: UInt64, peers: [UInt64], terms: [UInt64], _ adjust: (inout Config) -> Void = { _ in }
  ) throws {
    let storage = MemoryStorage(confState: ConfState(voters: peers))
    try storage.append(entries(terms))
    try self.init(id, peers: peers, storage: storage, adjust)
    core.reset(term: terms.last ?? 0)
  }

  /// A node that has voted in `term` and holds no entries.
  convenience init(
    _ id: UInt64, peers: [UInt64], vote: UInt64, term: UInt64,
    _ adjust: (inout Config) -> Void = { _ in }
  ) throws {
    let storage = MemoryStorage(confState: ConfState(voters: peers))
    storage.setHardState(HardState(term: term, vote: vote))
    try self.init(id, peers: peers, storage: storage, adjust)
    core.reset(term: term)
  }

  var id: UInt64 { core.id }

  func progress(_ id: UInt64) -> Progress {
    core.tracker.progress[id] ?? Progress(next: 0, inflights: Inflights(size: 0, maxBytes: 0))
  }

  /// The snapshot that was received and is not stored yet.
  var pendingSnapshot: Snapshot? { core.log.unstable.snapshot }

  func withProgress(_ id: UInt64, _ body: (inout Progress) -> Void) {
    guard let slot = core.tracker.progress.slot(of: id) else { return }
    body(&core.tracker.progress.values[slot])
  }

  func sendAppend(to id: UInt64) throws {
    guard let slot = core.tracker.progress.slot(of: id) else { return }
    try core.sendAppend(to: slot)
  }

  func step(_ message: Message) throws { try core.step(message) }

  /// Delivers what waits for durability.
  func drain() throws {
    while !core.messagesAfterAppend.isEmpty {
      let waiting = core.messagesAfterAppend
      core.messagesAfterAppend = []
      for message in waiting {
        if message.to == core.id {
          try? core.step(message)
        } else {
          core.messages.append(message)
        }
      }
    }
  }

  /// All messages there are, those that wait for durability included.
  func take() throws -> [Message] {
    try drain()
    let messages = core.messages
    core.messages = []
    return messages
  }

  /// Stores what is unstable and gives what is newly committed, as applied.
  @discardableResult
  func nextEntries() throws -> [Entry] {
    try storage.append(core.log.unstable.nextEntries())
    let last = try core.log.lastEntryID()
    core.log.unstable.stable(to: last.index, term: last.term)
    try drain()
    let entries = try core.log.nextCommittedEntries(allowUnstable: true)
    try core.log.applied(to: core.log.committed, size: 0)
    return entries
  }

  func append(_ entries: Entry...) throws -> Bool { try core.appendEntries(entries) }

  func becomeLeader() throws {
    try core.becomeCandidate()
    try core.becomeLeader()
  }

  func propose(_ text: String = "somedata") throws {
    try step(proposal(from: id, text))
  }

  func applyConfChange(_ type: ConfChangeType, _ id: UInt64) throws {
    _ = try core.applyConfChange(ConfChange(type: type, nodeID: id).asV2)
  }

  func tick(_ count: Int = 1) throws {
    for _ in 0..<count { _ = try core.tick() }
  }

  /// Ticks until the election timeout is over.
  func timeOut() throws {
    try tick(core.randomizedElectionTimeout)
  }

  func allEntries() throws -> [Entry] {
    try core.log.entries(from: core.log.firstIndex, maxSize: .max)
  }
}
