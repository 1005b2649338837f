import Raft
import Runtime
import Testing

@testable import RaftLog

/// Bytes of the segment format, and what its decoders make of others.
struct SegmentFormatTests {
  @Test func crc32c() {
    // RFC 3720, appendix B.4.
    #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.of(Array(0..<32)) == 0x46DD_794E)
    #expect(CRC32C.portable(Array(0..<32)) == 0x46DD_794E)
    var random = SplitMix64(seed: 1)
    let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
    for count in 0..<bytes.count {
      let part = Array(bytes[..<count])
      #expect(CRC32C.of(part) == CRC32C.portable(part))
      let half = CRC32C.of(Array(part[..<(count / 3)]))
      #expect(CRC32C.of(Array(part[(count / 3)...]), continuing: half) == CRC32C.of(part))
    }
  }

  private static let items: [SegmentItem] = [
    .append(
      EntrySpan(
        region: 300, first: 7,
        runs: [EntrySpan.Run(term: 2, count: 1), EntrySpan.Run(term: 9, count: 2)], offset: 5,
        lengths: [1, 200, 3])),
    .compact(region: 1, index: 2, term: 3),
    .reset(region: 1, index: 9, term: 3, HardState(term: 3, vote: 0, commit: 9)),
    .hardState(region: .max, HardState(term: .max, vote: 1, commit: 2)),
    .put(region: 1, key: [1, 2], value: []), .delete(region: 1, key: []),
    .destroy(region: 1, tombstone: nil), .destroy(region: 1, tombstone: [4]),
    .state(
      RegionState(
        region: 4, dummyIndex: 5, dummyTerm: 6, runs: [EntrySpan.Run(term: 7, count: 8)],
        hardState: HardState(term: 7, vote: 1, commit: 10), fence: "x")),
    .identity(LogStoreIdentity(clusterID: 1, storeID: 2)),
    .files([FileRecord(sequence: 1, salt: .max, firstLSN: 1, lastLSN: 20)]), .drop(sequence: 3),
    .move(
      EntrySpan(
        region: 1, first: 1, runs: [EntrySpan.Run(term: 1, count: 1)], offset: 0, lengths: [4])),
  ]

  private static var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for item in items { item.append(to: &bytes) }
    return bytes
  }

  @Test func itemsSurvive() throws {
    #expect(try SegmentItem.decode(Self.encoded, payload: 1000) == Self.items)
    var golden: [UInt8] = []
    Self.items[0].append(to: &golden)
    #expect(golden == [0xAC, 2, 1, 7, 5, 2, 2, 1, 9, 2, 1, 0xC8, 1, 3])
  }

  /// Every prefix, every flipped bit, and random bytes: an error or items, never a trap, and no memory for what is not
  /// there. `APUS_FUZZ` sets the number of random inputs.
  @Test func anyBytesAreItemsOrADefect() {
    let bytes = Self.encoded
    var defects = 0
    func decode(_ bytes: [UInt8]) {
      do throws(SegmentDefect) {
        _ = try SegmentItem.decode(bytes, payload: 1000)
      } catch {
        defects += 1
      }
    }
    for count in 0..<bytes.count { decode(Array(bytes[..<count])) }
    for bit in 0..<bytes.count * 8 {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      decode(damaged)
    }
    var random = SplitMix64(seed: 5)
    for _ in 0..<LongTests.fuzzRounds {
      decode(
        (0..<Int.random(in: 0...40, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        })
    }
    #expect(defects > bytes.count / 2)
  }

  @Test func fileHeader() throws {
    let header = SegmentHeader(
      identity: LogStoreIdentity(clusterID: 1, storeID: 2), sequence: 3, firstLSN: 4, salt: 5)
    let bytes = header.encoded()
    #expect(bytes.count == 4096)
    #expect(bytes.starts(with: Array("SWRLOG01".utf8) + [1, 0, 0, 0, 0, 0, 0, 3, 1, 0]))
    #expect(try SegmentHeader.decode(bytes, path: "x") == header)
    for offset in [0, 9, 40, 100, 4091, 4095] {
      var damaged = bytes
      damaged[offset] ^= 0x10
      #expect(throws: LogStoreError.self) { try SegmentHeader.decode(damaged, path: "x") }
    }
    #expect(throws: LogStoreError.self) { try SegmentHeader.decode([], path: "x") }
  }

  @Test func frameHeader() {
    var header = FrameHeader(lsn: 7, durableLSN: 5)
    header.storedLength = 10
    header.itemsLength = 3
    header.pad()
    var bytes: [UInt8] = [0]
    header.append(to: &bytes, salt: 77)
    #expect(bytes.count == 65)
    #expect(header.padding == 3)
    #expect(FrameHeader.decode(bytes, at: 1, salt: 77) == header)
    #expect(FrameHeader.decode(bytes, at: 1, salt: 78) == nil)
    #expect(FrameHeader.decode(bytes, at: 2, salt: 77) == nil)
    for offset in 1..<65 {
      var damaged = bytes
      damaged[offset] ^= 1
      #expect(FrameHeader.decode(damaged, at: 1, salt: 77) == nil)
    }
  }

  @Test func compression() throws {
    let text = [UInt8](repeating: 7, count: 10_000)
    let packed = try #require(PayloadCodec.compress(text))
    #expect(packed.count < 200)
    #expect(PayloadCodec.decompress(packed, codec: PayloadCodec.lz4, rawLength: 10_000) == text)
    #expect(PayloadCodec.decompress(packed, codec: PayloadCodec.lz4, rawLength: 9_999) == nil)
    #expect(PayloadCodec.decompress(packed, codec: PayloadCodec.lz4, rawLength: 1 << 30) == nil)
    #expect(PayloadCodec.decompress([], codec: PayloadCodec.lz4, rawLength: 0) == nil)
    #expect(PayloadCodec.decompress([1], codec: 9, rawLength: 1) == nil)
    var random = SplitMix64(seed: 2)
    let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
    #expect(PayloadCodec.compress(noise) == nil)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      let plain = PayloadCodec.decompress(bytes, codec: PayloadCodec.lz4, rawLength: 100)
      #expect(plain == nil || plain?.count == 100)
    }
  }
}
