import Codec
import Engine
import Raft
import Runtime
import Testing

@testable import Raftstore

/// A split as one replica applies it: what is written, and what later entries of the log find.
@Suite struct SplitApplyTests {
  private let engine: MemoryEngine
  private let meta = StoreMeta()
  private let region = Region(
    id: 1, epoch: RegionEpoch(confVersion: 2, version: 1),
    peers: [PeerInfo(id: 2, storeID: 11), PeerInfo(id: 3, storeID: 12)])
  private let split = AdminCommand.BatchSplit(
    splits: [
      .init(key: Array("f".utf8), newRegionID: 20, newPeerIDs: [21, 22]),
      .init(key: Array("m".utf8), newRegionID: 30, newPeerIDs: [31, 32]),
    ], rightDerive: true)

  init() throws { engine = try MemoryEngine() }

  private func entry(
    _ index: UInt64, _ command: AdminCommand, epoch: RegionEpoch? = nil
  ) -> Entry {
    let header = CommandHeader(
      regionID: 1, peer: region.peers[0], epoch: epoch ?? region.epoch, term: 6)
    return Entry(term: 6, index: index, data: CommandCodec.encode(header, command))
  }

  private func put(_ index: UInt64, _ key: String, version: UInt64) -> Entry {
    let epoch = RegionEpoch(confVersion: 2, version: version)
    let header = CommandHeader(regionID: 1, peer: region.peers[0], epoch: epoch, term: 6)
    let list = RequestList([.put(cf: .default, key: Array(key.utf8), value: [1])])
    return Entry(term: 6, index: index, data: CommandCodec.encode(header, [list]))
  }

  private func apply(
    _ entries: [Entry], _ proposals: [Proposal] = []
  ) throws -> (context: ApplyContext, region: Region) {
    var applier = Applier(
      ApplyRegistration(
        peerID: 2, region: region, state: BootstrapRegion.applyState, appliedTerm: 5))
    var context = ApplyContext(
      splits: SplitApplier(engine: engine, meta: meta), merges: MergeApplier(engine: engine))
    _ = try applier.apply(
      ApplyTask(regionID: 1, peerID: 2, entries: entries, proposals: proposals, responses: []),
      &context)
    return (context, applier.region)
  }

  private func splits(_ context: ApplyContext) -> [AppliedSplit] {
    context.results.flatMap(\.changes).compactMap { change in
      if case .split(let split) = change { split } else { nil }
    }
  }

  /// Parent, children and the parent's applied index are one batch, which must be durable.
  @Test func allRecordsAreInOneBatch() throws {
    let (context, parent) = try apply([entry(6, .batchSplit(split))])
    #expect(context.mustSync)
    try engine.write(context.batch, .synced)
    let states = try [1, 20, 30].map { try #require(engine.record($0)).region }
    #expect(states[0] == parent && parent.bounds == ["m", ""])
    #expect(states.map(\.epoch.version) == [3, 3, 3])
    #expect(try engine.applyState(1)?.appliedIndex == 6)
    for id in [20, 30] as [UInt64] {
      #expect(try engine.applyState(id) == BootstrapRegion.applyState)
    }
    #expect(splits(context).map(\.regions) == [[states[1], states[2], states[0]]])
  }

  /// The batch was lost with the process that wrote it: doing it again makes the same records.
  @Test func applyingAgainAfterALossIsTheSame() throws {
    let first = try apply([entry(6, .batchSplit(split))])
    for id in [20, 30] as [UInt64] { meta.withdrawClaim(id) }
    let second = try apply([entry(6, .batchSplit(split))])
    #expect(Array(first.context.batch.operations) == Array(second.context.batch.operations))
  }

  /// A later split of the same log names a region that exists: the parent is split nevertheless.
  @Test func aRegionIsNotCreatedTwice() throws {
    var again = split
    again.splits = [.init(key: Array("t".utf8), newRegionID: 20, newPeerIDs: [21, 22])]
    let epoch = RegionEpoch(confVersion: 2, version: 3)
    let (context, parent) = try apply([
      entry(6, .batchSplit(split)), entry(7, .batchSplit(again), epoch: epoch),
    ])
    #expect(parent.bounds == ["t", ""] && parent.epoch.version == 4)
    let refusals = splits(context).map { $0.children.map { $0.refusal != nil } }
    #expect(refusals == [[false, false], [true]])
    try engine.write(context.batch, .synced)
    #expect(engine.record(20)?.region.bounds == ["", "f"])
  }

  @Test(arguments: [
    RegionEpoch(confVersion: 2, version: 2), RegionEpoch(confVersion: 1, version: 1),
    RegionEpoch(confVersion: 3, version: 1),
  ])
  func aSplitForAnotherEpochChangesNothing(epoch: RegionEpoch) throws {
    let (context, after) = try apply([entry(6, .batchSplit(split), epoch: epoch)])
    #expect(after == region && splits(context).isEmpty && !context.mustSync)
    #expect(context.batch.count == 1)
  }

  @Test func anImpossibleSplitChangesNothing() throws {
    var bad = split
    bad.splits.swapAt(0, 1)
    let (context, after) = try apply([entry(6, .batchSplit(bad))])
    #expect(after == region && splits(context).isEmpty)
    #expect(meta.claim(20, peerID: 21) == .granted)
  }

  /// A write from before the split is refused with all regions that its keys may be in.
  @Test func aWriteBehindASplitIsRefusedWithAllRegions() throws {
    let answer = Shared<Result<Void, RegionError>?>()
    let proposal = Proposal(
      index: 7, term: 6, proposedAt: Instant(nanoseconds: 0),
      waiters: .writes([
        Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }
      ]))
    let (context, _) = try apply(
      [entry(6, .batchSplit(split)), put(7, "a", version: 1)], [proposal])
    for outcome in context.outcomes { outcome.call() }
    guard case .failure(.epochNotMatch(let regions)) = answer.withLock({ $0 }) else {
      Issue.record("\(String(describing: answer.withLock { $0 }))")
      return
    }
    #expect(regions.map(\.id) == [1, 20, 30])
    #expect(!context.batch.operations.contains { $0 == .put(.default, key: [97], value: [1]) })
  }
}
