import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// How long a region is without a leader that serves.
@Suite struct FailoverTests {
  @Test func theNextLeaderServesSoon() throws {
    var times: [Duration] = []
    for seed in 1...40 as ClosedRange<UInt64> {
      let cluster = try TestCluster(3, seed: seed)
      #expect(cluster.put("a", "1"))
      cluster.run(.milliseconds(Int64(seed) * 37))
      let old = try #require(cluster.leader)
      old.kill()
      let start = cluster.now
      let serves = cluster.waitFor(.seconds(10)) {
        guard let leader = cluster.leader, let status = leader.status(cluster.regionID) else {
          return false
        }
        return status.applied == status.committed && status.committed == status.lastIndex
      }
      #expect(serves)
      times.append(cluster.now - start)
      cluster.shutDown()
    }
    times.sort()
    #expect(times[times.count / 2] <= .milliseconds(600), "\(times)")
    #expect(times[times.count - 1] <= .milliseconds(1600), "\(times)")
  }
}
