import Codec
import Engine
import Raft
import RaftLog
import TestSupport
import Testing

@testable import Raftstore

/// Facts of TinyKV's tests of single parts, on RocksDB.
@Suite struct RocksStoreTests {
  private static let peer = PeerInfo(id: 1, storeID: 1)
  private static let region = Region(id: 1, epoch: .initial, peers: [peer])

  @Test func aPreparedRegionIsWrittenAndRemoved() throws {
    let directory = try TemporaryDirectory("bootstrap")
    let engine = try RocksEngine(path: directory.child("db"))
    let logs = try RocksDBLogStore(path: directory.child("raft"))
    let records = BootstrapRecords(engine: engine, logs: logs)
    try records.requireEmpty()
    try records.write(StoreIdent(clusterID: 1, storeID: 1))
    #expect(throws: StoreError.self) { try records.requireEmpty() }
    #expect(try records.ident() == StoreIdent(clusterID: 1, storeID: 1))

    try records.prepare(Self.region)
    #expect(try records.preparedRegion() == Self.region)
    #expect(try engine.get(.raft, KeyLayout.regionState(regionID: 1)) != nil)
    #expect(try engine.get(.raft, KeyLayout.applyState(regionID: 1)) != nil)
    #expect(logs.lastIndex(1) == 5 && logs.hardState(1).commit == 5)

    try records.undo(Self.region)
    #expect(try records.preparedRegion() == nil)
    #expect(try engine.scan(.raft).map(\.key) == [KeyLayout.storeIdent])
    #expect(logs.regions().isEmpty)
    try logs.close()
    try engine.close()
  }

  /// Versions of a row: the row is not torn apart, since split keys are rows without versions.
  @Test func aSplitKeyIsARow() throws {
    let directory = try TemporaryDirectory("split-key")
    let engine = try RocksEngine(path: directory.child("db"))
    defer { try? engine.close() }
    var batch = WriteBatch()
    for (key, version) in [("k1", 1), ("k1", 2), ("k2", 1), ("k2", 2), ("k3", 3)] {
      batch.put(
        .default, versioned(key, UInt64(version)), [UInt8](repeating: 1, count: 4))
    }
    try engine.write(batch, .synced)
    let limits = SplitLimits(size: 50, maxSize: 100, keys: 1000, maxKeys: 1500)
    var scan = try SplitScan.forLimits(limits, RangeSize(bytes: 105), of: .all, in: engine)
    while try !scan.visit(1000) {}
    #expect(scan.visited.bytes == 105)
    let cuts = scan.splitKeys.map {
      AdminCommand.Split(key: $0, newRegionID: 2, newPeerIDs: [2])
    }
    let split = AdminCommand.BatchSplit(splits: cuts, rightDerive: true)
      .withoutInvalidKeys(in: Self.region)
    #expect(split.splits.map(\.key) == [MemComparable.encode(Array("k2".utf8))])
  }

  /// 17 bytes: the row in groups of nine, and the version.
  private func versioned(_ row: String, _ version: UInt64) -> [UInt8] {
    var key = MemComparable.encode(Array(row.utf8))
    key.appendBigEndian(~version)
    return key
  }

  /// Only a vote, or a heartbeat of a leader that knows of no commit here, creates a peer.
  @Test func fewMessagesCreateAPeer() {
    func message(_ type: MessageType, commit: UInt64 = 0) -> Message {
      var message = Message(type, to: 1, from: 2)
      message.commit = commit
      return message
    }
    #expect(message(.vote).mayCreatePeer)
    #expect(message(.preVote).mayCreatePeer)
    #expect(message(.heartbeat).mayCreatePeer)
    #expect(!message(.heartbeat, commit: 100).mayCreatePeer)
    #expect(!message(.append).mayCreatePeer)
  }

  /// Rows of key, start and end, an empty one being none, and whether the region holds the key, and whether it can be
  /// split there.
  @Test func keysAreInARegionOrNot() {
    let table: [([UInt8], [UInt8], [UInt8], Bool, Bool)] = [
      ([], [], [], true, false), ([], [], [6], true, false), ([], [3], [6], false, false),
      ([4], [3], [6], true, true), ([4], [3], [], true, true), ([3], [3], [], true, false),
      ([2], [3], [6], false, false), ([], [3], [6], false, false), ([], [3], [], false, false),
      ([6], [3], [6], false, false),
    ]
    for (key, start, end, isHeld, isInside) in table {
      var region = Self.region
      (region.startKey, region.endKey) = (start, end)
      #expect(region.contains(key) == isHeld, "\(key) in \(region)")
      let split = AdminCommand.BatchSplit(
        splits: [AdminCommand.Split(key: key, newRegionID: 2, newPeerIDs: [2])],
        rightDerive: true)
      #expect(((try? SplitPlan(split, of: region)) != nil) == isInside, "\(key) splits \(region)")
    }
  }

  /// What a command depends on must be as it was when the request was made; everything else may have changed.
  @Test func requestsOfAnotherEpochAreRefused() {
    var region = Self.region
    region.epoch = RegionEpoch(confVersion: 2, version: 2)
    let all: RequestCheck.EpochParts = [.version, .confVersion]
    func isRefused(_ conf: UInt64, _ version: UInt64, _ parts: RequestCheck.EpochParts) -> Bool {
      let error = RequestCheck.epoch(
        RegionEpoch(confVersion: conf, version: version), parts, of: region)
      guard let error else { return false }
      #expect(error == .epochNotMatch(currentRegions: [region]))
      return true
    }
    for other in [0, 1, 3] as [UInt64] {
      #expect(!isRefused(other, other, []))
      #expect(isRefused(2, other, .version) && !isRefused(other, 2, .version))
      #expect(isRefused(other, 2, .confVersion) && !isRefused(2, other, .confVersion))
      #expect(isRefused(2, other, all) && isRefused(other, 2, all))
    }
    #expect(!isRefused(2, 2, all))
  }
}
