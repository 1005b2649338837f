import Codec
import Testing

@testable import Raftstore

/// What a split makes of a region, and which splits are refused.
@Suite struct SplitPlanTests {
  private static let region = Region(
    id: 1, startKey: Array("b".utf8), endKey: Array("y".utf8),
    epoch: RegionEpoch(confVersion: 3, version: 7),
    peers: [
      PeerInfo(id: 2, storeID: 11), PeerInfo(id: 3, storeID: 12, role: .learner),
      PeerInfo(id: 4, storeID: 13, role: .demotingVoter),
    ])

  private func cut(_ key: String, _ id: UInt64, _ peers: [UInt64]? = nil) -> AdminCommand.Split {
    AdminCommand.Split(
      key: Array(key.utf8), newRegionID: id, newPeerIDs: peers ?? [id + 1, id + 2, id + 3])
  }

  private func plan(
    _ splits: [AdminCommand.Split], rightDerive: Bool, of region: Region = Self.region
  ) throws -> SplitPlan {
    try SplitPlan(.init(splits: splits, rightDerive: rightDerive), of: region)
  }

  @Test(arguments: [true, false])
  func partsTileTheRegion(rightDerive: Bool) throws {
    let plan = try plan([cut("f", 20), cut("m", 30)], rightDerive: rightDerive)
    #expect(plan.regions.map(\.bounds) == [["b", "f"], ["f", "m"], ["m", "y"]])
    #expect(plan.regions.map(\.id) == (rightDerive ? [20, 30, 1] : [1, 20, 30]))
    #expect(plan.parent.peers == Self.region.peers)
    #expect(plan.children.map(\.id) == [20, 30])
    // The number of new regions, for all of them.
    #expect(
      plan.regions.allSatisfy { $0.epoch == RegionEpoch(confVersion: 3, version: 9) })
  }

  /// Ids are given to peers in their order; stores and roles stay.
  @Test func peersKeepTheirStoresAndRoles() throws {
    let plan = try plan([cut("f", 20, [7, 5, 6])], rightDerive: true)
    #expect(
      plan.children[0].peers == [
        PeerInfo(id: 7, storeID: 11), PeerInfo(id: 5, storeID: 12, role: .learner),
        PeerInfo(id: 6, storeID: 13, role: .demotingVoter),
      ])
  }

  @Test func impossibleSplitsAreRefused() {
    let bad: [[AdminCommand.Split]] = [
      [], [cut("", 20)], [cut("b", 20)], [cut("a", 20)], [cut("y", 20)], [cut("z", 20)],
      [cut("m", 20), cut("f", 30)], [cut("m", 20), cut("m", 30)],
      [cut("m", 1)], [cut("m", 0)], [cut("f", 20), cut("m", 20)],
      [cut("m", 20, [1, 2])], [cut("m", 20, [1, 2, 3, 4])], [cut("m", 20, [1, 2, 0])],
      [cut("m", 20, [1, 2, 2])], [cut("m", 20, [1, 2, .max])],
    ]
    for splits in bad {
      #expect(throws: SplitPlan.Refusal.self) { try plan(splits, rightDerive: true) }
    }
    var long = cut("m", 20)
    long.key += [UInt8](repeating: 0, count: 16 << 10)
    #expect(throws: SplitPlan.Refusal.self) { try plan([long], rightDerive: true) }
    let many = (0..<1025).map { number in
      var split = cut("c", UInt64(1000 + number))
      split.key.appendBigEndian(UInt64(number))
      return split
    }
    #expect(throws: SplitPlan.Refusal.self) { try plan(many, rightDerive: true) }
    #expect(throws: Never.self) { try plan(many.dropLast(), rightDerive: true) }
    var last = Self.region
    last.epoch.version = EnvelopeCheck.maxEpoch - 2
    #expect(throws: Never.self) { try plan([cut("m", 20)], rightDerive: true, of: last) }
    #expect(throws: SplitPlan.Refusal.self) {
      try plan([cut("f", 20), cut("m", 30)], rightDerive: true, of: last)
    }
    last.epoch.version = .max
    #expect(throws: SplitPlan.Refusal.self) {
      try plan([cut("m", 20)], rightDerive: true, of: last)
    }
  }

  /// What a proposal drops: keys at and outside of the bounds, repeated and descending ones, and the
  /// timestamps behind a row's key.
  @Test func keysAreCleanedBeforeTheyAreProposed() {
    let row = MemComparable.encode(Array("row".utf8))
    let cuts = [cut("a", 1), cut("b", 2), cut("f", 3), cut("f", 4), cut("e", 5), cut("y", 6)]
    let cleaned = AdminCommand.BatchSplit(splits: cuts, rightDerive: true)
      .withoutInvalidKeys(in: Self.region)
    #expect(cleaned.splits.map(\.newRegionID) == [3])
    var version = cut("", 8)
    version.key = row + [0xFF, 1, 2, 3, 4, 5, 6, 7]
    let versions = AdminCommand.BatchSplit(splits: [version, version], rightDerive: true)
      .withoutInvalidKeys(in: Self.region)
    #expect(versions.splits.map(\.key) == [row])
    var start = Self.region
    start.startKey = row
    let inRow = AdminCommand.BatchSplit(splits: [version], rightDerive: true)
      .withoutInvalidKeys(in: start)
    #expect(inRow.splits.isEmpty)
  }
}
