import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// What the placement driver knows of the sizes of regions, between two regular reports, which are a minute apart.
@Suite struct ReportedSizeTests {
  private func cluster(
    size: UInt64, _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws -> TestCluster {
    try TestCluster(3) { config in
      config.split.size = size
      config.split.checkInterval = .milliseconds(100)
      configure(&config)
    }
  }

  private func write(_ numbers: Range<Int>, to cluster: TestCluster, bytes: Int = 100) {
    let value = String(repeating: "v", count: bytes)
    for number in numbers { #expect(cluster.putRouted("k\(1000 + number)", value)) }
  }

  /// The sum over all regions of a store, and what its engine has.
  private func sizes(_ cluster: TestCluster) throws -> (reported: UInt64, true: UInt64) {
    let store = try #require(cluster.nodes[0].store)
    var reported: UInt64 = 0
    for region in store.meta.regions {
      reported += cluster.pd.heartbeat(of: region.id)?.approximateSize ?? 0
    }
    let engine = cluster.nodes[0].engine
    var size: UInt64 = 0
    for family in ColumnFamily.data {
      size += try engine.approximateSize(family, from: [], to: DataKeySpace.end)
    }
    return (reported, size)
  }

  private func isClose(_ sizes: (reported: UInt64, true: UInt64)) -> Bool {
    sizes.reported >= sizes.true / 5 * 4 && sizes.reported <= sizes.true / 5 * 6
  }

  /// A region of many parts is split at the first ten keys; the last part is much larger than the others.
  @Test func aLargeRegionIsNotSharedAmongUnequalParts() throws {
    let cluster = try cluster(size: 1024)
    defer { cluster.shutDown() }
    cluster.pd.state.withLock { $0.holdsSplits = true }
    write(0..<400, to: cluster)
    cluster.pd.answerSplits()
    #expect(cluster.waitFor { cluster.nodes[0].store?.meta.count ?? 0 >= 30 })
    cluster.run(.seconds(5))
    let sizes = try sizes(cluster)
    #expect(isClose(sizes), "\(sizes)")
  }

  /// The parent of a split at a given key is not as large as before.
  @Test func bothPartsAreMeasuredAfterASplit() throws {
    let cluster = try cluster(size: 256 << 10)
    defer { cluster.shutDown() }
    write(0..<100, to: cluster)
    cluster.run(.seconds(2))
    _ = try #require(try cluster.split(["k1010"])?.get())
    cluster.run(.seconds(2))
    let sizes = try sizes(cluster)
    #expect(isClose(sizes), "\(sizes)")
  }

  /// Too little is written for a check, and much compared with what was reported.
  @Test func aRegionReportsAsItHibernates() throws {
    let cluster = try cluster(size: 256 << 10) { $0.hibernation.idleTime = .milliseconds(500) }
    defer { cluster.shutDown() }
    cluster.run(.seconds(2))
    write(0..<10, to: cluster, bytes: 1000)
    cluster.run(.seconds(5))
    let sizes = try sizes(cluster)
    #expect(isClose(sizes), "\(sizes)")
  }
}
