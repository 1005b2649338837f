import Codec
import Runtime
import Testing

@testable import Raftstore

/// The region table beside a list that does everything by looking at all regions.
@Suite struct RegionTableTests {
  private struct Model {
    var regions: [Region] = []

    func overlapping(_ range: KeyRange) -> [Region] {
      regions.filter { $0.range.overlaps(range) }
    }

    mutating func replace(_ old: [Region], by new: [Region]) {
      regions.removeAll { region in old.contains { $0.id == region.id } }
      regions = (regions + new).sorted { precedes($0.startKey, $1.startKey) }
    }
  }

  private static func key(_ number: Int) -> [UInt8] {
    number == 0 ? [] : [UInt8(number >> 8), UInt8(number & 0xFF)]
  }

  private static func region(_ id: UInt64, _ start: Int, _ end: Int) -> Region {
    Region(
      id: id, startKey: key(start), endKey: key(end), epoch: .initial,
      peers: [PeerInfo(id: id + 1, storeID: 1)])
  }

  private func compare(
    _ table: RegionTable, _ model: Model, _ random: inout SplitMix64
  ) {
    #expect(table.all == model.regions)
    #expect(table.count == model.regions.count)
    for _ in 0..<8 {
      let key = Self.key(Int.random(in: 0..<2000, using: &random))
      #expect(table.region(containing: key) == model.regions.first { $0.contains(key) })
      var end = Self.key(Int.random(in: 0..<2000, using: &random))
      if Bool.random(using: &random) { end = [] }
      let range = KeyRange(start: key, end: end)
      #expect(table.overlapping(range) == (range.isEmpty ? [] : model.overlapping(range)))
    }
    guard let place = model.regions.indices.randomElement(using: &random) else { return }
    let start = model.regions[place].startKey
    let limit = Int.random(in: 0...4, using: &random)
    #expect(
      table.following(start, limit: limit) == Array(model.regions[(place + 1)...].prefix(limit)))
    #expect(
      table.preceding(start, limit: limit)
        == Array(model.regions[..<place].reversed().prefix(limit)))
  }

  /// Splits, merges, removals and insertions in random order, enough for chunks to divide and join.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func behavesAsAListDoes(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var table = RegionTable()
    var model = Model()
    var nextID: UInt64 = 1
    func newID() -> UInt64 {
      defer { nextID += 1 }
      return nextID
    }
    func change(_ old: [Region], _ new: [Region]) {
      table.replace(old, by: new)
      model.replace(old, by: new)
    }
    change([], [Self.region(newID(), 0, 0)])
    for step in 0..<900 {
      // Grows at first, shrinks later.
      let grows = Int.random(in: 0..<900, using: &random) > step
      guard let old = model.regions.randomElement(using: &random) else { break }
      let place = model.regions.firstIndex { $0.id == old.id } ?? 0
      let start = old.startKey.isEmpty ? 0 : Int(old.startKey[0]) << 8 | Int(old.startKey[1])
      let end = old.endKey.isEmpty ? 2000 : Int(old.endKey[0]) << 8 | Int(old.endKey[1])
      if grows, end - start > 1 {
        let middle = Int.random(in: start + 1..<end, using: &random)
        var left = Self.region(newID(), start, middle)
        var right = old
        right.startKey = left.endKey
        if Bool.random(using: &random) { (left.id, right.id) = (old.id, left.id) }
        change([old], [right, left])
      } else if !grows, place + 1 < model.regions.count {
        let next = model.regions[place + 1]
        if old.endKey == next.startKey, Bool.random(using: &random) {
          var both = old
          both.endKey = next.endKey
          change([old, next], [both])
        } else {
          change([next], [])
        }
      }
      if step % 10 == 0 { compare(table, model, &random) }
    }
    compare(table, model, &random)
    change(model.regions, [])
    compare(table, model, &random)
  }

  /// A copy does not see later changes.
  @Test func aCopyStaysAsItWas() {
    var table = RegionTable()
    table.replace([], by: (0..<300).map { Self.region(UInt64($0 + 1), $0, $0 + 1) })
    let copy = table
    table.replace([Self.region(200, 199, 200)], by: [])
    #expect(copy.count == 300 && table.count == 299)
    #expect(copy.region(containing: Self.key(199))?.id == 200)
    #expect(table.region(containing: Self.key(199)) == nil)
  }

  /// Two regions exchange a part of their ranges in one step; either order of two steps would overlap.
  @Test func severalRegionsChangeInOneStep() {
    let meta = StoreMeta()
    func entry(_ region: Region) -> StoreMeta.RegionEntry {
      StoreMeta.RegionEntry(
        region: region, delegate: ReadDelegate(region: region, peer: region.peers[0]))
    }
    meta.update([entry(Self.region(1, 0, 10)), entry(Self.region(2, 10, 20))])
    meta.update([entry(Self.region(1, 15, 20)), entry(Self.region(2, 0, 15))])
    #expect(meta.regions.map(\.id) == [2, 1])
    #expect(meta.region(containing: Self.key(12))?.id == 2)
  }
}
