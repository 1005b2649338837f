import Codec
import Engine
import Testing

@testable import Storage

struct RawChecksumTests {
  private static func crc(_ bytes: [UInt8]) -> UInt64 {
    var crc = CRC64()
    crc.add(bytes.span.bytes)
    return crc.value
  }

  private static func sum(
    _ store: StandaloneFixture, _ ranges: [KeyRange]
  ) throws -> RawChecksum {
    try store.result {
      store.raw.checksum(StandaloneFixture.context, ranges: ranges, on: { $0() }, $0)
    }
  }

  /// The published check value of CRC-64/XZ, and pieces of every length.
  @Test func crc64IsTheOneOfGoAndXz() {
    #expect(Self.crc(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
    #expect(Self.crc([]) == 0)
    let bytes = (0..<64).map { UInt8($0 &* 37 & 0xFF) }
    for cut in 0...bytes.count {
      var crc = CRC64()
      crc.add(bytes.span.bytes.extracting(0..<cut))
      crc.add(bytes.span.bytes.extracting(cut..<bytes.count))
      #expect(crc.value == Self.crc(bytes))
    }
  }

  @Test func sumsKeysAndValuesOfAllRanges() throws {
    let store = try StandaloneFixture()
    #expect(try Self.sum(store, [.all]) == RawChecksum())
    for key in UInt8(1)...200 { try store.put([key], [UInt8](repeating: key, count: Int(key))) }
    var all = RawChecksum()
    for key in UInt8(1)...200 {
      all.checksum ^= Self.crc([key] + [UInt8](repeating: key, count: Int(key)))
      all.pairs += 1
      all.bytes += UInt64(key) + 1
    }
    #expect(try Self.sum(store, [.all]) == all)
    let (low, high) = (
      try Self.sum(store, [KeyRange(end: [100])]), try Self.sum(store, [KeyRange(start: [100])])
    )
    #expect(low.checksum ^ high.checksum == all.checksum)
    #expect(low.pairs + high.pairs == 200 && low.bytes + high.bytes == all.bytes)
    #expect(try Self.sum(store, [KeyRange(end: [100]), KeyRange(start: [100])]) == all)
    #expect(try Self.sum(store, [KeyRange(start: [7], end: [7])]) == RawChecksum())
  }

  /// Clients send the whole range to each region.
  @Test func isCutToTheRegion() throws {
    let region = Region(
      id: 2, startKey: [2], endKey: [4], epoch: .initial, peers: [StandaloneFixture.peer])
    let store = try StandaloneFixture(region: region)
    var batch = WriteBatch()
    for key in UInt8(1)...5 { batch.put(.default, [key], [key]) }
    try store.engine.write(batch, .synced)
    let inside = RawChecksum(checksum: Self.crc([2, 2]) ^ Self.crc([3, 3]), pairs: 2, bytes: 4)
    #expect(try Self.sum(store, [KeyRange(start: [2])]) == inside)
    #expect(
      throws: StorageError.region(
        .keyNotInRegion(key: [1], regionID: 2, start: [2], end: [4]))
    ) { try Self.sum(store, [KeyRange(start: [1])]) }
  }
}
