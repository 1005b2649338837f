import Codec
import Engine
import Logging
import Raft
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// What a start makes of what is on the disks.
@Suite struct StoreLoaderTests {
  private static let region = Region(
    id: 6, epoch: RegionEpoch(confVersion: 5, version: 2),
    peers: [PeerInfo(id: 7, storeID: 1), PeerInfo(id: 14, storeID: 2)])

  /// What apply state and log say of a region.
  struct StoredNumbers: Sendable {
    var applied: UInt64 = 5
    var truncated: UInt64 = 5
    var truncatedTerm: UInt64 = 5
    var term: UInt64 = 5
  }

  private let engine: MemoryEngine
  private let logs = MemoryLogStore()

  init() throws {
    engine = try MemoryEngine()
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: 6),
      RegionLocalState(state: .tombstone, region: Self.region).encoded())
    try engine.write(batch, .synced)
  }

  private func load() throws -> [LoadedPeer] {
    let logger = Logger(label: "loader") { _ in SwiftLogNoOpLogHandler() }
    return try StoreLoader(storeID: 11, engine: engine, logs: logs, logger: logger).load()
  }

  /// Numbers from which counting on would overflow, or that contradict each other, are damage.
  @Test(
    arguments: [
      StoredNumbers(applied: .max, truncated: .max), StoredNumbers(applied: 1 << 63),
      StoredNumbers(applied: 4), StoredNumbers(truncatedTerm: .max), StoredNumbers(term: .max),
      StoredNumbers(term: 1 << 62),
    ], [PeerState.normal, .applying])
  func impossibleNumbersAreDamage(_ numbers: StoredNumbers, state: PeerState) throws {
    let region = Region(
      id: 6, epoch: .initial, peers: [PeerInfo(id: 7, storeID: 11)])
    let raft = RaftLocalState(hardState: HardState(term: numbers.term, commit: 5), lastIndex: 5)
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: 6),
      RegionLocalState(state: state, region: region).encoded())
    batch.put(
      .raft, KeyLayout.applyState(regionID: 6),
      ApplyState(
        appliedIndex: numbers.applied, truncatedIndex: numbers.truncated,
        truncatedTerm: numbers.truncatedTerm
      ).encoded())
    batch.put(.raft, KeyLayout.snapshotRaftState(regionID: 6), raft.encoded())
    try engine.write(batch, .synced)
    var log = LogBatch()
    log.reset(6, index: 5, term: 5, hardState: raft.hardState)
    _ = try logs.write(log, .synced)
    let damage = try #require(try load().first?.damage)
    #expect(damage.peerID == 7)
    #expect(damage.reason.contains("region 6") && damage.reason.contains("impossible"))
  }

  /// Found by the simulation: a peer that was made by a message had voted and died; its predecessor's
  /// tombstone made the next start forget the vote, and it could be given again in the same term.
  @Test func theVoteOfANewPeerOutlivesAnOldTombstone() throws {
    var batch = LogBatch()
    batch.setHardState(6, HardState(term: 13, vote: 14))
    _ = try logs.write(batch, .synced)
    #expect(try load().isEmpty)
    #expect(logs.hardState(6) == HardState(term: 13, vote: 14))
  }

  @Test func theLogOfADestroyedPeerGoes() throws {
    var batch = LogBatch()
    batch.reset(6, index: 5, term: 5, hardState: HardState(term: 5, commit: 5))
    _ = try logs.write(batch, .synced)
    #expect(try load().isEmpty)
    #expect(logs.regions().isEmpty)
  }
}
