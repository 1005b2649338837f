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

  private func load() throws -> [PeerSeed] {
    let logger = Logger(label: "loader") { _ in SwiftLogNoOpLogHandler() }
    return try StoreLoader(storeID: 11, engine: engine, logs: logs, logger: logger).load()
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
