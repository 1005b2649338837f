import Codec
import Engine
import Storage
import Synchronization
import Testing

/// Values that expire.
struct RawTTLTests {
  /// Seconds that a test sets.
  private final class Now: Sendable {
    private let seconds = Mutex<UInt64>(1_000_000)
    var value: UInt64 { seconds.withLock { $0 } }
    func advance(_ by: UInt64) { seconds.withLock { $0 += by } }
  }

  private let now: Now
  private let store: StandaloneFixture

  init() throws {
    let now = Now()
    self.now = now
    store = try StandaloneFixture(format: .expiring { now.value })
  }

  private func secondsLeft(_ key: [UInt8]) throws -> UInt64? {
    try store.result {
      store.raw.keyTTL(StandaloneFixture.context, cf: "", key: key, on: { $0() }, $0)
    }
  }

  private func batchPut(_ keys: [[UInt8]], ttls: [UInt64]) throws {
    let pairs = keys.map { KeyValue(key: $0, value: $0) }
    try store.result {
      store.raw.batchPut(StandaloneFixture.context, cf: "", pairs: pairs, ttls: ttls, $0)
    }
  }

  private func swap(
    _ key: [UInt8], _ expected: [UInt8]?, _ replacement: [UInt8]?, ttl: UInt64 = 0
  ) throws -> RawSwap.Outcome {
    try store.result {
      store.raw.compareAndSwap(
        StandaloneFixture.context, cf: "",
        RawSwap(key: key, expected: expected, replacement: replacement, ttl: ttl),
        on: { $0() }, $0)
    }
  }

  @Test func storesTheExpiryAfterTheValue() throws {
    try store.put([1], [7, 8], ttl: 24)
    #expect(
      try store.engine.get(.default, [1]) == [7, 8, 0, 0, 0, 0, 0, 0x0F, 0x42, 0x58])
    try store.put([2], [])
    #expect(try store.engine.get(.default, [2]) == [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(try store.get([2]) == [])
    #expect(
      store.raw.tryGet(StandaloneFixture.context, cf: "", key: [1]) == .success([7, 8]))
  }

  @Test func expiredValuesAreInvisibleToEveryRead() throws {
    try store.put([1], [1], ttl: 10)
    try store.put([2], [2])
    try store.put([3], [3], ttl: 11)
    now.advance(10)
    #expect(try store.get([1]) == nil)
    #expect(store.raw.tryGet(StandaloneFixture.context, cf: "", key: [1]) == .success(nil))
    let found: [KeyValue] = try store.result {
      store.raw.batchGet(
        StandaloneFixture.context, cf: "", keys: [[1], [2], [3]], on: { $0() }, $0)
    }
    #expect(found.map(\.value) == [[2], [3]])
    for keyOnly in [false, true] {
      #expect(try store.keys(RawScan(limit: 9, keyOnly: keyOnly)) == [[2], [3]])
      #expect(
        try store.keys(RawScan(limit: 9, keyOnly: keyOnly, isReverse: true)) == [[3], [2]])
      // They do not count towards a limit.
      #expect(try store.keys(RawScan(limit: 1, keyOnly: keyOnly)) == [[2]])
    }
    let sum: RawChecksum = try store.result {
      store.raw.checksum(StandaloneFixture.context, ranges: [KeyRange.all], on: { $0() }, $0)
    }
    #expect(sum.pairs == 2 && sum.bytes == 4)
    now.advance(1)
    #expect(try store.keys(RawScan(limit: 9)) == [[2]])
  }

  @Test func tellsTheSecondsLeft() throws {
    try store.put([1], [1], ttl: 10)
    try store.put([2], [2])
    #expect(try secondsLeft([1]) == 10)
    #expect(try secondsLeft([2]) == 0)
    #expect(try secondsLeft([3]) == nil)
    now.advance(9)
    #expect(try secondsLeft([1]) == 1)
    now.advance(1)
    #expect(try secondsLeft([1]) == nil)
    try store.put([1], [1])
    #expect(try secondsLeft([1]) == 0, "a later put without TTL keeps it for ever")
  }

  @Test func aBatchHasNoneOneOrAllTTLs() throws {
    try batchPut([[1], [2]], ttls: [])
    #expect(try [secondsLeft([1]), secondsLeft([2])] == [0, 0])
    try batchPut([[1], [2]], ttls: [5])
    #expect(try [secondsLeft([1]), secondsLeft([2])] == [5, 5])
    try batchPut([[1], [2]], ttls: [0, 7])
    #expect(try [secondsLeft([1]), secondsLeft([2])] == [0, 7])
    #expect(
      throws: StorageError.refused("The length of ttls does not equal to the length of pairs")
    ) { try batchPut([[1], [2], [3]], ttls: [1, 2]) }
  }

  @Test func swapsTakeAnExpiredValueForNone() throws {
    #expect(try swap([1], nil, [1], ttl: 10).succeeded)
    #expect(try secondsLeft([1]) == 10)
    #expect(try swap([1], nil, [2]) == .init(succeeded: false, previous: [1]))
    now.advance(10)
    #expect(try swap([1], [1], [2]) == .init(succeeded: false, previous: nil))
    #expect(try swap([1], nil, [3]) == .init(succeeded: true, previous: nil))
    #expect(try store.get([1]) == [3])
    #expect(try swap([1], [3], nil) == .init(succeeded: true, previous: [3]))
    #expect(try store.engine.get(.default, [1]) == nil)
  }

  @Test func anExpiryBeyondAllTimeIsRefused() throws {
    #expect(throws: StorageError.self) { try store.put([1], [1], ttl: .max) }
    #expect(throws: StorageError.self) { try swap([1], nil, [1], ttl: .max - 999_999) }
    #expect(throws: StorageError.self) { try batchPut([[1], [2]], ttls: [1, .max]) }
    #expect(try store.engine.get(.default, [1]) == nil)
    try store.put([1], [1], ttl: .max - 1_000_000)
    #expect(try secondsLeft([1]) == .max - 1_000_000)
  }

  /// Bytes that this format never wrote are reported, not taken for a value.
  @Test func whatHasNoExpiryIsCorrupted() throws {
    var batch = WriteBatch()
    batch.put(.default, [1], [1, 2, 3])
    try store.engine.write(batch, .synced)
    for read in [{ _ = try store.get([1]) }, { _ = try store.keys(RawScan(limit: 1)) }] {
      let error = #expect(throws: StorageError.self) { try read() }
      guard case .engine(let failure) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(failure.kind == .other)
    }
  }

  /// Long runs of expired values are passed in pieces.
  @Test func aScanPassesThousandsOfExpiredValues() throws {
    let keys = (0..<3000).map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    try batchPut(keys, ttls: [5])
    try store.put([0xFF], [1])
    now.advance(5)
    #expect(try store.keys(RawScan(limit: 2)) == [[0xFF]])
  }
}
