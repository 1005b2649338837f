import Codec
import Engine
import Storage
import Testing

/// Requests with keys of other regions: they get the region error, and nothing of them is done.
struct RawRegionBoundsTests {
  private static let region = Region(
    id: 2, startKey: [2], endKey: [4], epoch: .initial, peers: [StandaloneFixture.peer])

  private let store: StandaloneFixture

  init() throws {
    store = try StandaloneFixture(region: Self.region)
    var batch = WriteBatch()
    for key in UInt8(1)...5 { batch.put(.default, [key], [key]) }
    try store.engine.write(batch, .synced)
  }

  private static func outside(_ key: [UInt8]) -> StorageError {
    .region(.keyNotInRegion(key: key, regionID: 2, start: [2], end: [4]))
  }

  @Test func scansBeginInTheRegion() throws {
    #expect(try store.keys(RawScan(start: [2], limit: 9)) == [[2], [3]])
    #expect(try store.keys(RawScan(start: [2], end: [9], limit: 9)) == [[2], [3]])
    #expect(try store.keys(RawScan(start: [4], limit: 9, isReverse: true)) == [[3], [2]])
    #expect(
      try store.keys(RawScan(start: [4], end: [1], limit: 9, isReverse: true)) == [[3], [2]])
    for start in [[], [1], [4, 0], [5]] as [[UInt8]] {
      #expect(throws: Self.outside(start)) { try store.keys(RawScan(start: start, limit: 9)) }
      #expect(throws: Self.outside(start)) {
        try store.keys(RawScan(start: start, limit: 9, isReverse: true))
      }
    }
    // The region's end is where a client goes on: this region has nothing more.
    #expect(try store.keys(RawScan(start: [4], limit: 9)) == [])
    #expect(try store.keys(RawScan(start: [2], limit: 9, isReverse: true)) == [])
    #expect(try store.keys(RawScan(start: [9], limit: 0)) == [])
  }

  @Test func everyRangeOfABatchBeginsInTheRegion() throws {
    func scan(_ ranges: [KeyRange]) throws -> [[UInt8]] {
      let pairs: [KeyValue] = try store.result {
        store.raw.batchScan(
          StandaloneFixture.context, cf: "", ranges: ranges, eachLimit: 9, keyOnly: true,
          reverse: false, on: { $0() }, $0)
      }
      return pairs.map(\.key)
    }
    #expect(try scan([KeyRange(start: [2], end: [3]), KeyRange(start: [3])]) == [[2], [3]])
    #expect(throws: Self.outside([5])) {
      try scan([KeyRange(start: [2], end: [3]), KeyRange(start: [5])])
    }
  }

  @Test func batchesWithAKeyOutsideDoNothing() throws {
    #expect(throws: Self.outside([4])) {
      let _: [KeyValue] = try store.result {
        store.raw.batchGet(
          StandaloneFixture.context, cf: "", keys: [[2], [4]], on: { $0() }, $0)
      }
    }
    let pairs = [KeyValue(key: [2], value: [9]), KeyValue(key: [5], value: [9])]
    #expect(throws: Self.outside([5])) {
      try store.result {
        store.raw.batchPut(StandaloneFixture.context, cf: "", pairs: pairs, ttls: [], $0)
      }
    }
    #expect(throws: Self.outside([1])) { try store.delete([2], [1]) }
    #expect(throws: Self.outside([3])) { try store.deleteRange([3], [5]) }
    #expect(throws: Self.outside([3])) { try store.deleteRange([3], []) }
    #expect(try store.keys(RawScan(start: [2], limit: 9)) == [[2], [3]])
    #expect(try store.get([2]) == [2])
  }
}
