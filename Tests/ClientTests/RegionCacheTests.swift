import Codec
import Testing

@testable import Client

struct RegionCacheTests {
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

  private func cache(_ routes: RoutedRegion...) -> RegionCache {
    var cache = RegionCache()
    for route in routes { cache.put(route) }
    return cache
  }

  @Test("Finds the region that contains a key")
  func findsByKey() {
    let cache = cache(route(2, "b", "d"), route(1, "", "b"), route(3, "f", ""))
    #expect(cache.find([])?.region.id == 1)
    #expect(cache.find(bytes("b"))?.region.id == 2)
    #expect(cache.find(bytes("c"))?.region.id == 2)
    #expect(cache.find(bytes("d")) == nil)
    #expect(cache.find(bytes("zz"))?.region.id == 3)
  }

  @Test("Finds the region of the keys below a key")
  func findsBelowAKey() {
    let cache = cache(route(1, "", "b"), route(2, "b", "d"), route(3, "f", ""))
    #expect(cache.find(before: bytes("b"))?.region.id == 1)
    #expect(cache.find(before: bytes("ba"))?.region.id == 2)
    #expect(cache.find(before: bytes("d"))?.region.id == 2)
    #expect(cache.find(before: bytes("e")) == nil)
    #expect(cache.find(before: bytes("f")) == nil)
    #expect(cache.find(before: [])?.region.id == 3)
    #expect(self.cache(route(1, "", "b")).find(before: []) == nil)
  }

  @Test("A newer region replaces the regions it overlaps")
  func newerRegionReplacesOverlapped() {
    var cache = cache(route(1, "", "m"), route(2, "m", ""))
    let isInserted = cache.put(route(3, "c", "p", version: 2))
    #expect(isInserted)
    #expect(cache.regions.map(\.region.id) == [3])
  }

  @Test("A region older than a cached one is not inserted")
  func olderRegionIsIgnored() {
    var cache = cache(route(1, "", "m", version: 3), route(2, "m", "", version: 3))
    let ofSameID = cache.put(route(1, "", "", version: 2))
    let ofOtherID = cache.put(route(9, "", "", version: 2))
    #expect(!ofSameID)
    #expect(!ofOtherID)
    #expect(cache.regions.map(\.region.id) == [1, 2])
  }

  @Test("Tries every peer once, then the route is stale")
  func triesAllPeersThenIsStale() throws {
    var cache = cache(route(1, "", ""))
    let peers = try #require(cache.find([])).region.peers
    var results = [cache.moveToNextPeer(id: 1, from: peers[0])]
    #expect(cache.find([])?.target == peers[1])
    // A late failure of the former target changes nothing.
    results.append(cache.moveToNextPeer(id: 1, from: peers[0]))
    #expect(cache.find([])?.target == peers[1])
    results.append(cache.moveToNextPeer(id: 1, from: peers[1]))
    results.append(cache.moveToNextPeer(id: 1, from: peers[2]))
    #expect(results == [true, true, true, false])
    #expect(cache.find([])?.isStale == true)
    cache.confirm(id: 1)
    #expect(cache.find([])?.isStale == false)
  }

  @Test("Learners are never targets")
  func learnersAreNotTargets() throws {
    var found = route(1, "", "", peers: 2)
    found.region.peers[1].role = .learner
    var cache = cache(found)
    let hasNextPeer = cache.moveToNextPeer(id: 1, from: found.target)
    #expect(!hasNextPeer)
    #expect(cache.find([])?.target == found.target)
    #expect(RoutedRegion(region: found.region, leader: nil)?.target == found.target)
    found.region.peers[0].role = .learner
    #expect(RoutedRegion(region: found.region, leader: nil) == nil)
  }
}
