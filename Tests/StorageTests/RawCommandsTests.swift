import Codec
import Engine
import Storage
import Testing

struct RawCommandsTests {
  @Test func readsWritesPerColumnFamily() throws {
    let store = try StandaloneFixture()
    try store.put([99], [42])
    try store.put([99], [44], cf: "write")
    #expect(try store.get([99]) == [42])
    #expect(try store.get([99], cf: "default") == [42])
    #expect(try store.get([99], cf: "write") == [44])
    #expect(try store.get([99], cf: "lock") == nil)
    #expect(try store.engine.get(.default, [99]) == [42])
  }

  @Test func emptyKeysAndValuesAreData() throws {
    let store = try StandaloneFixture()
    try store.put([], [7])
    try store.put([1], [])
    #expect(try store.get([]) == [7])
    #expect(try store.get([1]) == [])
    #expect(try store.keys(RawScan(limit: 10)) == [[], [1]])
  }

  @Test func deletesAreIdempotent() throws {
    let store = try StandaloneFixture()
    try store.put([1], [1])
    try store.delete([1], [2])
    try store.delete([1])
    #expect(try store.get([1]) == nil)
  }

  @Test func batchGetKeepsOrderAndSkipsTheMissing() throws {
    let store = try StandaloneFixture()
    let pairs = [KeyValue(key: [1], value: [10]), KeyValue(key: [3], value: [30])]
    try store.result {
      store.raw.batchPut(StandaloneFixture.context, cf: "", pairs: pairs, ttls: [], $0)
    }
    let found: [KeyValue] = try store.result {
      store.raw.batchGet(
        StandaloneFixture.context, cf: "", keys: [[3], [2], [1], [3]], on: { $0() }, $0)
    }
    #expect(found.map(\.value) == [[30], [10], [30]])
  }

  /// A reply is refused before it is gathered, never cut: clients take few pairs for the end of the region.
  @Test func responsesAreBoundedInBytes() throws {
    var limits = RawLimits()
    limits.maxReplyBytes = 5000
    let store = try StandaloneFixture(limits: limits)
    for key in UInt8(1)...9 { try store.put([key], [UInt8](repeating: key, count: 1000)) }
    #expect(try store.keys(RawScan(limit: 4)).count == 4)
    #expect(try store.keys(RawScan(limit: 4_000_000_000, keyOnly: true)).count == 9)
    func isRefused<T: Sendable>(
      _ call: (@escaping @Sendable (Result<T, StorageError>) -> Void) -> Void
    ) -> Bool {
      do {
        _ = try store.result(call)
        return false
      } catch StorageError.refused(let reason) {
        return reason.contains("5000 bytes")
      } catch {
        return false
      }
    }
    #expect(
      isRefused {
        store.raw.scan(
          StandaloneFixture.context, cf: "", RawScan(limit: 5), on: { $0() }, $0)
      })
    #expect(
      isRefused {
        store.raw.scan(
          StandaloneFixture.context, cf: "", RawScan(limit: 4_000_000_000, isReverse: true),
          on: { $0() }, $0)
      })
    let keys = (UInt8(1)...5).map { [$0] }
    #expect(
      isRefused {
        store.raw.batchGet(
          StandaloneFixture.context, cf: "", keys: keys, on: { $0() }, $0)
      })
    let range = KeyRange(start: [1], end: [3])
    #expect(
      isRefused {
        store.raw.batchScan(
          StandaloneFixture.context, cf: "", ranges: [range, range, range], eachLimit: .max,
          keyOnly: false, reverse: false, on: { $0() }, $0)
      })
  }

  /// TiKV has no bound of their number.
  @Test func manyRangesAreScanned() throws {
    let store = try StandaloneFixture()
    try store.put([1], [1])
    let ranges = [KeyRange](repeating: KeyRange(start: [1], end: [2]), count: 20_000)
    let found: [KeyValue] = try store.result {
      store.raw.batchScan(
        StandaloneFixture.context, cf: "", ranges: ranges, eachLimit: 1, keyOnly: true,
        reverse: false, on: { $0() }, $0)
    }
    #expect(found.count == 20_000)
  }

  @Test func scansBothWaysWithinBounds() throws {
    let store = try StandaloneFixture()
    for key in UInt8(1)...5 { try store.put([key], [key]) }
    #expect(try store.keys(RawScan(start: [1], limit: 3)) == [[1], [2], [3]])
    #expect(try store.keys(RawScan(start: [2], end: [4], limit: 10)) == [[2], [3]])
    #expect(try store.keys(RawScan(limit: 0)) == [])
    #expect(
      try store.keys(RawScan(start: [4], limit: 10, isReverse: true)) == [[3], [2], [1]])
    #expect(
      try store.keys(RawScan(start: [4], end: [2], limit: 10, isReverse: true)) == [[3], [2]])
    #expect(try store.keys(RawScan(limit: 2, isReverse: true)) == [[5], [4]])
    #expect(try store.keys(RawScan(start: [4], end: [2], limit: 10)) == [])
  }

  @Test func scanIsCutToTheRegion() throws {
    let region = Region(
      id: 2, startKey: [2], endKey: [4], epoch: .initial, peers: [StandaloneFixture.peer])
    let store = try StandaloneFixture(region: region)
    for key in UInt8(1)...5 { try store.engine.write(Self.batch([key]), .synced) }
    #expect(try store.keys(RawScan(start: [2], limit: 10)) == [[2], [3]])
    #expect(try store.keys(RawScan(start: [4], limit: 10, isReverse: true)) == [[3], [2]])
  }

  @Test func keyOnlyScanHasNoValues() throws {
    let store = try StandaloneFixture()
    try store.put([1], [9])
    let pairs: [KeyValue] = try store.result {
      store.raw.scan(
        StandaloneFixture.context, cf: "", RawScan(limit: 1, keyOnly: true), on: { $0() }, $0)
    }
    #expect(pairs == [KeyValue(key: [1], value: [])])
  }

  @Test func batchScanTakesOpenEndsFromTheNextRange() throws {
    let store = try StandaloneFixture()
    for key in UInt8(1)...6 { try store.put([key], [key]) }
    let ranges = [KeyRange(start: [1]), KeyRange(start: [3], end: [4]), KeyRange(start: [5])]
    let pairs: [KeyValue] = try store.result {
      store.raw.batchScan(
        StandaloneFixture.context, cf: "", ranges: ranges, eachLimit: 5, keyOnly: true,
        reverse: false, on: { $0() }, $0)
    }
    #expect(pairs.map(\.key) == [[1], [2], [3], [5], [6]])
    #expect(throws: StorageError.refused("Invalid KeyRanges")) {
      let _: [KeyValue] = try store.result {
        store.raw.batchScan(
          StandaloneFixture.context, cf: "", ranges: [KeyRange(start: [3], end: [1])],
          eachLimit: 5, keyOnly: true, reverse: false, on: { $0() }, $0)
      }
    }
  }

  @Test func deleteRangeTakesAnOpenEnd() throws {
    let store = try StandaloneFixture()
    for key in UInt8(1)...5 { try store.put([key], [key]) }
    try store.put([0xFF, 0xFF, 0xFF], [1])
    try store.deleteRange([2], [4])
    #expect(try store.keys(RawScan(limit: 10)) == [[1], [4], [5], [0xFF, 0xFF, 0xFF]])
    try store.deleteRange([], [])
    #expect(try store.keys(RawScan(limit: 10)) == [])
    #expect(throws: StorageError.self) { try store.deleteRange([4], [4]) }
    #expect(throws: StorageError.self) { try store.deleteRange([5], [4]) }
  }

  @Test func refusesWhatTiKVRefusesWithItsMessages() throws {
    let store = try StandaloneFixture()
    #expect(throws: StorageError.refused("invalid cf name: nope")) {
      try store.put([1], [1], cf: "nope")
    }
    #expect(
      throws: StorageError.refused("ttl is not enabled, but get put request with ttl")
    ) { try store.put([1], [1], ttl: 5) }
    #expect(
      throws: StorageError.refused("max key size exceeded, size: 8193, limit: 8192")
    ) { try store.put([UInt8](repeating: 1, count: 8193), []) }
    var context = StandaloneFixture.context
    context.apiVersion = .v2
    #expect(throws: StorageError.self) { try store.get([1], context) }
    #expect(try store.get([1]) == nil)
  }

  private static func batch(_ key: [UInt8]) -> WriteBatch {
    var batch = WriteBatch()
    batch.put(.default, key, key)
    return batch
  }
}
