import Codec
import Engine
import Raft
import RaftLog

/// Cuts the first region of a new cluster into several, on the disks of the one store that has it: what
/// splits would have made of it, with the same epochs (`BatchSplit`: the version rises by one for each
/// new region, and the new ones begin at the same version).
struct PreSplit {
  /// The keys at which it is cut, ascending.
  let boundaries: [[UInt8]]
  /// Two for each new region: its own and its peer's.
  let ids: [UInt64]

  private static let firstIndex: UInt64 = 5
  private static let firstTerm: UInt64 = 5

  enum Failure: Error {
    case noRegion
    case tooFewIDs
  }

  /// - Parameter write: writes to the raft log.
  func apply(engine: any KVEngine, write: (LogBatch) throws -> Void) throws {
    guard ids.count == 2 * boundaries.count else { throw Failure.tooFewIDs }
    let range = KeyLayout.regionStateRange
    let found = try engine.scan(.raft, from: range.start, to: range.end, limit: 1)
    guard let record = found.first else { throw Failure.noRegion }
    var local = try RegionLocalState(decoding: record.value)
    var batch = WriteBatch()
    var log = LogBatch()
    local.region.epoch.version += UInt64(boundaries.count)
    local.region.endKey = boundaries.first ?? []
    batch.put(.raft, KeyLayout.regionState(regionID: local.region.id), local.encoded())
    for (number, start) in boundaries.enumerated() {
      var region = local.region
      region.id = ids[2 * number]
      region.peers = [PeerInfo(id: ids[2 * number + 1], storeID: local.region.peers[0].storeID)]
      region.startKey = start
      region.endKey = number + 1 < boundaries.count ? boundaries[number + 1] : []
      let apply = ApplyState(
        appliedIndex: Self.firstIndex, truncatedIndex: Self.firstIndex,
        truncatedTerm: Self.firstTerm, commitIndex: Self.firstIndex, commitTerm: Self.firstTerm)
      batch.put(
        .raft, KeyLayout.regionState(regionID: region.id),
        RegionLocalState(state: .normal, region: region).encoded())
      batch.put(.raft, KeyLayout.applyState(regionID: region.id), apply.encoded())
      log.reset(
        region.id, index: Self.firstIndex, term: Self.firstTerm,
        hardState: HardState(term: Self.firstTerm, commit: Self.firstIndex))
    }
    try engine.write(batch, .synced)
    try write(log)
  }
}
