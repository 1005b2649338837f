import Codec
import Testing

@testable import Client

struct RegionTableTests {
  private func place(
    _ id: UInt64, _ start: String, _ end: String, version: UInt64 = 1, peers: Int = 3
  ) -> RoutedRegion {
    let peers = (1...peers).map { PeerInfo(id: id * 10 + UInt64($0), storeID: UInt64($0)) }
    return RoutedRegion(
      region: Region(
        id: id, startKey: bytes(start), endKey: bytes(end),
        epoch: RegionEpoch(confVersion: 1, version: version), peers: peers),
      target: peers[0])
  }

  private func table(_ places: RoutedRegion...) -> RegionTable {
    var table = RegionTable()
    for place in places { table.put(place) }
    return table
  }

  @Test func findsTheRegionOfAKey() {
    let table = table(place(2, "b", "d"), place(1, "", "b"), place(3, "f", ""))
    #expect(table.find([])?.region.id == 1)
    #expect(table.find(bytes("b"))?.region.id == 2)
    #expect(table.find(bytes("c"))?.region.id == 2)
    #expect(table.find(bytes("d")) == nil)
    #expect(table.find(bytes("zz"))?.region.id == 3)
  }

  @Test func findsTheRegionBelowAKey() {
    let table = table(place(1, "", "b"), place(2, "b", "d"), place(3, "f", ""))
    #expect(table.find(before: bytes("b"))?.region.id == 1)
    #expect(table.find(before: bytes("ba"))?.region.id == 2)
    #expect(table.find(before: bytes("d"))?.region.id == 2)
    #expect(table.find(before: bytes("e")) == nil)
    #expect(table.find(before: bytes("f")) == nil)
    #expect(table.find(before: [])?.region.id == 3)
    #expect(self.table(place(1, "", "b")).find(before: []) == nil)
  }

  @Test func aNewRegionReplacesWhatItOverlaps() {
    var table = table(place(1, "", "m"), place(2, "m", ""))
    let isTaken = table.put(place(3, "c", "p", version: 2))
    #expect(isTaken)
    #expect(table.regions.map(\.region.id) == [3])
  }

  @Test func anOlderRegionIsNotTaken() {
    var table = table(place(1, "", "m", version: 3), place(2, "m", "", version: 3))
    let ofSameID = table.put(place(1, "", "", version: 2))
    let ofOtherID = table.put(place(9, "", "", version: 2))
    #expect(!ofSameID)
    #expect(!ofOtherID)
    #expect(table.regions.map(\.region.id) == [1, 2])
  }

  @Test func turnsThroughThePeersAndThenDoubts() throws {
    var table = table(place(1, "", ""))
    let peers = try #require(table.find([])).region.peers
    var turns = [table.turn(id: 1, from: peers[0])]
    #expect(table.find([])?.target == peers[1])
    // A late failure of the former target changes nothing.
    turns.append(table.turn(id: 1, from: peers[0]))
    #expect(table.find([])?.target == peers[1])
    turns.append(table.turn(id: 1, from: peers[1]))
    turns.append(table.turn(id: 1, from: peers[2]))
    #expect(turns == [true, true, true, false])
    #expect(table.find([])?.isStale == true)
    table.confirm(id: 1)
    #expect(table.find([])?.isStale == false)
  }

  @Test func learnersAreNotAsked() throws {
    var found = place(1, "", "", peers: 2)
    found.region.peers[1].role = .learner
    var table = table(found)
    let isTurned = table.turn(id: 1, from: found.target)
    #expect(!isTurned)
    #expect(table.find([])?.target == found.target)
    #expect(RoutedRegion(region: found.region, leader: nil)?.target == found.target)
    found.region.peers[0].role = .learner
    #expect(RoutedRegion(region: found.region, leader: nil) == nil)
  }
}
