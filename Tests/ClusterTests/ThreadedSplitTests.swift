import Codec
import Testing

/// A region that has become too large is split by its size.
@Suite struct ThreadedSplitTests {
  @Test func aLargeRegionIsSplit() async throws {
    try await onThread {
      try ThreadedCluster.run(
        5,
        {
          $0.split.size = 500
          $0.split.maxSize = 800
        }
      ) { cluster in
        let client = ClusterClient(cluster)
        for number in 1...2 { try client.put("k\(number)", "v\(number)") }
        guard try cluster.region(of: "k1")?.id == cluster.region(of: "k2")?.id else {
          throw CheckFailure("there is more than one region")
        }

        cluster.network.partition([1, 2, 3, 4], [5])
        for number in 100..<200 { try client.put("k\(number)", "v\(number)") }
        try Wait.until("k1 and k2 are in different regions") {
          // The parts of a split may be reported one after the other.
          guard let left = try cluster.region(of: "k1"), let right = try cluster.region(of: "k2")
          else { return false }
          return left.id != right.id
        }
        try cluster.requireAbsent("k100", on: 5)
        cluster.network.heal()

        try Wait.until("the regions tile the key space") {
          let regions = try cluster.pd.regions().map(\.region)
          return regions.count > 1 && regions.first?.startKey == [] && regions.last?.endKey == []
            && zip(regions, regions.dropFirst()).allSatisfy { $0.endKey == $1.startKey }
        }
        try Wait.until("the left region refuses a key of the right one") {
          guard let left = try cluster.region(of: "k1"),
            case .failure(.region(.keyNotInRegion)) = try client.get("k2", in: left)
          else { return false }
          return true
        }
        try cluster.awaitValue("k100", "v100", on: 5)
        for number in 100..<200 {
          guard try client.get("k\(number)") == "v\(number)" else {
            throw CheckFailure("k\(number) is lost")
          }
        }
      }
    }
  }
}
