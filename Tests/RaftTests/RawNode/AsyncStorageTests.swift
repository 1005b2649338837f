import Testing

@testable import Raft

/// node_test and what no trace sees of the asynchronous storage protocol.
@Suite struct AsyncStorageTests {
  private func node(
    voters: [UInt64], terms: [UInt64] = [], _ adjust: (inout Config) -> Void = { _ in }
  ) throws -> RawNode<MemoryStorage> {
    let storage = MemoryStorage(confState: ConfState(voters: voters))
    try storage.append(entries(terms))
    var config = Config(id: 1)
    config.asyncStorageWrites = true
    adjust(&config)
    return try RawNode(config: config, storage: storage)
  }

  private func append(_ ready: Ready) throws -> Message {
    try #require(ready.messages.first { $0.type == .storageAppend })
  }

  private func persist(_ work: Message, _ raw: inout RawNode<MemoryStorage>) throws {
    let state = HardState(term: work.term, vote: work.vote, commit: work.commit)
    if !state.isEmpty { raw.storage.setHardState(state) }
    if let snapshot = work.snapshot { try raw.storage.applySnapshot(snapshot) }
    try raw.storage.append(work.entries)
  }

  private func respond(_ work: Message, _ raw: inout RawNode<MemoryStorage>) throws {
    for response in work.responses where response.to == raw.id { try raw.step(response) }
  }

  /// Does all storage work at once until there is none.
  private func settle(_ raw: inout RawNode<MemoryStorage>) throws {
    while raw.hasReady {
      for work in try raw.ready().messages where NodeID.isThread(work.to) {
        if work.type == .storageAppend { try persist(work, &raw) }
        try respond(work, &raw)
      }
    }
  }

  @Test func testCommitPaginationWithAsyncStorageWrites() throws {
    var raw = try node(voters: [1]) { $0.maxCommittedSizePerReady = 2048 }
    try raw.campaign()
    try settle(&raw)
    #expect(raw.isLeader)
    let blob = [UInt8](repeating: 0x61, count: 1024)
    var applies: [Message] = []
    func proposeAndPersist() throws {
      try raw.propose(blob)
      let work = try append(try raw.ready())
      try persist(work, &raw)
      try respond(work, &raw)
      applies += try raw.ready().messages.filter { $0.type == .storageApply }
    }
    // Two entries are given out while none is reported as applied.
    try proposeAndPersist()
    try proposeAndPersist()
    #expect(applies.map(\.entries.count) == [1, 1])
    // A third one must wait.
    try proposeAndPersist()
    #expect(applies.count == 2 && raw.committed == raw.lastIndex)
    try respond(applies[0], &raw)
    let last = try #require(try raw.ready().messages.last)
    #expect(last.type == .storageApply && last.entries.map(\.index) == [raw.lastIndex])
    try respond(applies[1], &raw)
    try respond(last, &raw)
    #expect(raw.applied == raw.committed)
  }

  @Test func unstableEntriesAreNotApplied() throws {
    var raw = try node(voters: [1, 2])
    try raw.step(
      message(.append, from: 2, to: 1, term: 1, commit: 2, entries: entries([1, 1])))
    #expect(raw.committed == 2)
    let ready = try raw.ready()
    #expect(ready.committedEntries.isEmpty)
    #expect(!ready.messages.contains { $0.type == .storageApply })
    let work = try append(ready)
    try persist(work, &raw)
    #expect(!raw.hasReady)
    try respond(work, &raw)
    #expect(try raw.ready().committedEntries.map(\.index) == [1, 2])
  }

  @Test func votesAndAcknowledgmentsWaitForTheDisk() throws {
    var raw = try node(voters: [1, 2, 3])
    try raw.step(message(.vote, from: 2, to: 1, term: 1))
    let voted = try raw.ready()
    #expect(voted.mustSync)
    #expect(voted.messages.map(\.type) == [.storageAppend])
    #expect(try append(voted).responses.map(\.type) == [.voteResponse])
    try raw.step(message(.append, from: 2, to: 1, term: 1, entries: entries([1])))
    let appended = try raw.ready()
    #expect(appended.messages.map(\.type) == [.storageAppend])
    let responses = try append(appended).responses
    #expect(responses.map(\.type) == [.appendResponse, .storageAppendResponse])
    #expect(responses.map(\.index) == [1, 1])
  }

  @Test func snapshotIsAcknowledgedAfterItIsStored() throws {
    var raw = try node(voters: [1, 2])
    try raw.step(
      message(
        .snapshot, from: 2, to: 1, term: 1, snapshot: snapshot(at: 11, term: 1, voters: [1, 2])))
    #expect(raw.hasPendingSnapshot)
    let ready = try raw.ready()
    let work = try append(ready)
    #expect(ready.messages.count == 1)
    #expect(work.snapshot?.metadata.index == 11)
    #expect(work.responses.map(\.type) == [.appendResponse, .storageAppendResponse])
    try persist(work, &raw)
    #expect(raw.hasPendingSnapshot)
    try respond(work, &raw)
    #expect(!raw.hasPendingSnapshot && raw.applied == 11)
  }

  @Test func responseOfAnOldTermDoesNotMarkEntriesStable() throws {
    var raw = try node(voters: [1, 2, 3])
    try raw.step(message(.append, from: 2, to: 1, term: 1, entries: entries([1])))
    let old = try append(try raw.ready())
    // Another leader replaces the entry, then a third puts the first one back.
    try raw.step(message(.append, from: 3, to: 1, term: 2, entries: entries([2])))
    let newer = try append(try raw.ready())
    try raw.step(message(.append, from: 2, to: 1, term: 3, entries: entries([1])))
    let newest = try append(try raw.ready())
    for response in old.responses { if response.to == 1 { try raw.step(response) } }
    for response in newer.responses { if response.to == 1 { try raw.step(response) } }
    #expect(raw.core.log.unstable.entries.count == 1)
    for response in newest.responses { if response.to == 1 { try raw.step(response) } }
    #expect(raw.core.log.unstable.entries.isEmpty)
  }

  @Test func advanceIsRefusedInAsynchronousMode() throws {
    var raw = try node(voters: [1])
    #expect(throws: RaftError.self) { try raw.advance() }
  }

  @Test func readiesMayOverlap() throws {
    var raw = try node(voters: [1])
    try raw.campaign()
    try settle(&raw)
    var pending: [Message] = []
    for number in 0..<5 {
      try raw.propose([UInt8(number)])
      pending.append(try append(try raw.ready()))
    }
    #expect(pending.map { $0.entries.count } == [1, 1, 1, 1, 1])
    // Only the last response arrives: it covers all before it.
    for work in pending { try persist(work, &raw) }
    try respond(pending[4], &raw)
    #expect(raw.committed == raw.lastIndex)
    #expect(raw.core.log.unstable.entries.isEmpty)
    #expect(try raw.ready().committedEntries.map(\.data) == (0..<5).map { [UInt8($0)] })
  }

  @Test func emptyReadyHasNoWork() throws {
    var raw = try node(voters: [1])
    #expect(!raw.hasReady)
    #expect(try raw.ready() == Ready())
  }
}
