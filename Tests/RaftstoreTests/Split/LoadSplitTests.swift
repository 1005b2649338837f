import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// Splits by load: which reads count, and which key divides them.
@Suite struct LoadSplitTests {
  private static let config: LoadSplitConfig = {
    var config = LoadSplitConfig()
    config.queries = 100
    config.detectTimes = 3
    config.sampleThreshold = 30
    return config
  }()

  private func instant(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func key(_ number: Int) -> [UInt8] { Array("k\(number + 1000)".utf8) }

  private func report(
    second: UInt64, _ samples: [ReadSample]
  ) -> ReadLoadReport {
    ReadLoadReport(
      regionID: 1, peerID: 2, began: instant(second * 1000), ended: instant(second * 1000 + 1000),
      queries: 1000, bytes: 0, busy: .zero, samples: samples)
  }

  // MARK: Counting

  /// The reports of so many reads, one each `interval` milliseconds.
  private func reports(
    _ count: Int, every interval: UInt64, bytes: Int = 1, busy: Duration = .zero,
    _ config: LoadSplitConfig = Self.config
  ) -> [ReadLoadReport] {
    var load = ReadLoad(regionID: 1, peerID: 2)
    return (0..<count).compactMap { number in
      load.add(
        key(number), key(number), keys: 1, bytes: bytes, busy: busy,
        now: instant(UInt64(number) * interval), config)
    }
  }

  @Test func aColdRegionIsNotReported() {
    #expect(reports(1000, every: 11).isEmpty)
  }

  @Test func aHotRegionIsReportedEachSecond() throws {
    let found = reports(1000, every: 5)
    #expect(found.count == 4)
    let first = try #require(found.first)
    #expect(first.samples.isEmpty)
    #expect(first.queries >= 200)
    for next in found.dropFirst() {
      #expect(next.samples.count == Self.config.sampleCount)
      #expect(Set(next.samples).count == next.samples.count)
    }
    for (one, other) in zip(found, found.dropFirst()) { #expect(one.ended == other.began) }
  }

  @Test func bytesAndWorkMakeARegionHotToo() {
    #expect(reports(100, every: 50, bytes: 1).isEmpty)
    #expect(reports(100, every: 50, bytes: 2 << 20).count == 4)
    #expect(reports(100, every: 50, busy: .milliseconds(20)).count == 4)
    #expect(reports(100, every: 50, busy: .milliseconds(10)).isEmpty)
  }

  /// Every read has the same chance, wherever in the stream it is.
  @Test func samplesAreUniform() {
    var counts = [Int](repeating: 0, count: 10)
    for seed in 1...400 as ClosedRange<UInt64> {
      var sampler = ReadSampler(capacity: 20, seed: seed)
      for number in 0..<1000 { sampler.offer(key(number), key(number)) }
      #expect(sampler.samples.count == 20)
      for sample in sampler.samples {
        let number = (0..<1000).first { key($0) == sample.start } ?? 0
        counts[number / 100] += 1
      }
    }
    for count in counts { #expect(abs(count - 800) < 160) }
  }

  /// The region's count and the store's are independent of each other, and of the periods.
  @Test func readsAreCountedForReports() throws {
    let peer = PeerInfo(id: 2, storeID: 1)
    let region = Region(
      id: 1, epoch: RegionEpoch(confVersion: 1, version: 1), peers: [peer])
    let delegate = ReadDelegate(region: region, peer: peer)
    let meta = StoreMeta()
    meta.set(region, delegate: delegate)
    for number in 0..<30 {
      _ = delegate.recordRead(
        key(1), key(9), keys: 3, bytes: 100, busy: .zero, now: instant(UInt64(number) * 100),
        Self.config)
      if number == 9 { #expect(meta.takeReadFlow() == ReadFlow(bytes: 1000, keys: 30)) }
    }
    #expect(delegate.readFlow == ReadFlow(bytes: 3000, keys: 90))
    #expect(meta.takeReadFlow() == ReadFlow(bytes: 2000, keys: 60))
    #expect(meta.takeReadFlow() == ReadFlow())
  }

  @Test func longKeysAreNotKept() {
    var sampler = ReadSampler(capacity: 5, seed: 1)
    sampler.offer([UInt8](repeating: 1, count: 5000), [])
    #expect(sampler.samples.isEmpty)
  }

  // MARK: Deciding

  private func decide(_ samples: (Int) -> [ReadSample]) -> [UInt8]? {
    var detector = LoadSplitDetector()
    var found: [UInt8]?
    for second in 0..<3 {
      found = detector.add(report(second: UInt64(second), samples(second)), Self.config) ?? found
    }
    return found
  }

  private func points(_ numbers: [Int]) -> [ReadSample] {
    numbers.map { ReadSample(start: key($0), end: key($0)) }
  }

  @Test func spreadReadsAreDividedNearTheirMiddle() throws {
    let found = try #require(decide { _ in points((0..<20).map { $0 * 5 }) })
    #expect(precedes(key(30), found) && precedes(found, key(70)))
  }

  @Test func oneHotKeyIsNotDivided() {
    #expect(decide { _ in points([Int](repeating: 7, count: 20)) } == nil)
  }

  /// A key that most scans span would only cost them a request more.
  @Test func scansThatSpanTheKeysAreNotDivided() {
    #expect(
      decide { _ in
        (0..<20).map { ReadSample(start: key($0), end: key($0 + 50)) }
      } == nil)
    #expect(decide { _ in (0..<20).map { ReadSample(start: key($0), end: []) } } == nil)
    #expect(
      decide { _ in
        (0..<20).map { ReadSample(start: key($0 * 5), end: key($0 * 5 + 2)) }
      } != nil)
  }

  @Test func fewSamplesDecideNothing() {
    #expect(decide { _ in points([1, 50, 90]) } == nil)
  }

  /// Only a region that stays hot is divided.
  @Test func aPauseStartsOver() {
    var detector = LoadSplitDetector()
    let spread = points((0..<20).map { $0 * 5 })
    #expect(detector.add(report(second: 0, spread), Self.config) == nil)
    #expect(detector.add(report(second: 1, spread), Self.config) == nil)
    #expect(detector.add(report(second: 5, spread), Self.config) == nil)
    #expect(detector.add(report(second: 6, spread), Self.config) == nil)
    #expect(detector.add(report(second: 7, spread), Self.config) != nil)
  }

  // MARK: In a cluster

  @Test func aRegionWithMuchLoadIsSplit() throws {
    let cluster = try TestCluster(3) { config in
      config.reads.loadSplit.queries = 100
      config.reads.loadSplit.detectTimes = 2
      config.reads.loadSplit.sampleThreshold = 20
    }
    defer { cluster.shutDown() }
    for number in 0..<20 { #expect(cluster.put("k\(number + 1000)", "v")) }
    let leader = try #require(cluster.leader)
    for number in 0..<2000 {
      let context = cluster.context(leader)
      let key = key(number % 20)
      if try leader.store?.reader.getFromMemory(context, .default, key) == nil {
        _ = cluster.read("k1000", from: leader)
      }
      cluster.run(.milliseconds(2))
      if cluster.pd.state.withLock({ !$0.reportedSplits.isEmpty }) { break }
    }
    let regions = try #require(cluster.pd.state.withLock { $0.reportedSplits.first })
    #expect(regions.count == 2)
    #expect(precedes(key(3), regions[1].startKey) && precedes(regions[1].startKey, key(17)))
  }
}
