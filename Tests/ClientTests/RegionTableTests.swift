import Codec
import Testing

@testable import Client

struct RegionTableTests {
  private func route(
    _ id: UInt64, _ start: String, _ end: String, version: UInt64 = 1, peers: Int = 3
  ) -> RoutedRegion {
    let peers = (1...peers).map { PeerInfo(id: id * 10 + UInt64($0), storeID: UInt64($0)) }
    return RoutedRegion(
      region: Region(
        id: id, startKey: bytes(start), endKey: bytes(end),
        epoch: RegionEpoch(confVersion: 1, version: version), peers: peers),
      target: peers[0])
  }

  private func table(_ routes: RoutedRegion...) -> RegionTable {
    var table = RegionTable()
    for route in routes { table.put(route) }
    return table
  }

  @Test("Finds the region that contains a key")
  func findsByKey() {
    let table = table(route(2, "b", "d"), route(1, "", "b"), route(3, "f", ""))
    #expect(table.find([])?.region.id == 1)
    #expect(table.find(bytes("b"))?.region.id == 2)
    #expect(table.find(bytes("c"))?.region.id == 2)
    #expect(table.find(bytes("d")) == nil)
    #expect(table.find(bytes("zz"))?.region.id == 3)
  }

  @Test("Finds the region of the keys below a key")
  func findsBelowAKey() {
    let table = table(route(1, "", "b"), route(2, "b", "d"), route(3, "f", ""))
    #expect(table.find(before: bytes("b"))?.region.id == 1)
    #expect(table.find(before: bytes("ba"))?.region.id == 2)
    #expect(table.find(before: bytes("d"))?.region.id == 2)
    #expect(table.find(before: bytes("e")) == nil)
    #expect(table.find(before: bytes("f")) == nil)
    #expect(table.find(before: [])?.region.id == 3)
    #expect(self.table(route(1, "", "b")).find(before: []) == nil)
  }

  @Test("A newer region replaces the regions it overlaps")
  func newerRegionReplacesOverlapped() {
    var table = table(route(1, "", "m"), route(2, "m", ""))
    let isInserted = table.put(route(3, "c", "p", version: 2))
    #expect(isInserted)
    #expect(table.regions.map(\.region.id) == [3])
  }

  @Test("A region older than a cached one is not inserted")
  func olderRegionIsIgnored() {
    var table = table(route(1, "", "m", version: 3), route(2, "m", "", version: 3))
    let ofSameID = table.put(route(1, "", "", version: 2))
    let ofOtherID = table.put(route(9, "", "", version: 2))
    #expect(!ofSameID)
    #expect(!ofOtherID)
    #expect(table.regions.map(\.region.id) == [1, 2])
  }

  @Test("Tries every peer once, then the route is stale")
  func triesAllPeersThenIsStale() throws {
    var table = table(route(1, "", ""))
    let peers = try #require(table.find([])).region.peers
    var results = [table.moveToNextPeer(id: 1, from: peers[0])]
    #expect(table.find([])?.target == peers[1])
    // A late failure of the former target changes nothing.
    results.append(table.moveToNextPeer(id: 1, from: peers[0]))
    #expect(table.find([])?.target == peers[1])
    results.append(table.moveToNextPeer(id: 1, from: peers[1]))
    results.append(table.moveToNextPeer(id: 1, from: peers[2]))
    #expect(results == [true, true, true, false])
    #expect(table.find([])?.isStale == true)
    table.confirm(id: 1)
    #expect(table.find([])?.isStale == false)
  }

  @Test("Learners are never targets")
  func learnersAreNotTargets() throws {
    var found = route(1, "", "", peers: 2)
    found.region.peers[1].role = .learner
    var table = table(found)
    let hasNextPeer = table.moveToNextPeer(id: 1, from: found.target)
    #expect(!hasNextPeer)
    #expect(table.find([])?.target == found.target)
    #expect(RoutedRegion(region: found.region, leader: nil)?.target == found.target)
    found.region.peers[0].role = .learner
    #expect(RoutedRegion(region: found.region, leader: nil) == nil)
  }
}
