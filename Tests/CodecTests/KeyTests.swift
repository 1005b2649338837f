import Codec
import Protobuf
import Testing

/// Key layouts: known bytes, order, and refusal of what is none.
struct KeyTests {
  @Test func localKeysHaveTheirKnownBytes() {
    let region: [UInt8] = [0, 0, 0, 0, 0, 0, 1, 2]
    #expect(KeyLayout.storeIdent == [1, 1])
    #expect(KeyLayout.prepareBootstrap == [1, 2])
    #expect(KeyLayout.applyState(regionID: 258) == [1, 2] + region + [3])
    #expect(KeyLayout.snapshotRaftState(regionID: 258) == [1, 2] + region + [4])
    #expect(KeyLayout.regionState(regionID: 258) == [1, 3] + region + [1])
    #expect(KeyLayout.regionStateRange == KeyRange(start: [1, 3], end: [1, 4]))
  }

  @Test func rangesHoldTheirKeysAndNoOthers() {
    for id in [0, 1, 255, 256, .max] as [UInt64] {
      #expect(KeyLayout.regionStateRange.contains(KeyLayout.regionState(regionID: id)))
      #expect(!KeyLayout.regionStateRange.contains(KeyLayout.applyState(regionID: id)))
      #expect(KeyLayout.localRange.contains(KeyLayout.regionState(regionID: id)))
    }
  }

  @Test func keysAreReadBack() throws {
    for id in [0, 1, 1 << 40, .max] as [UInt64] {
      #expect(try KeyLayout.decodeRegionState(KeyLayout.regionState(regionID: id)) == id)
    }
    #expect(throws: CodecError.self) {
      try KeyLayout.decodeRegionState(KeyLayout.applyState(regionID: 1))
    }
    #expect(throws: CodecError.self) { try KeyLayout.decodeRegionState([]) }
  }

  @Test func memComparableHasItsKnownBytes() throws {
    let zeros = [UInt8](repeating: 0, count: 8)
    #expect(MemComparable.encode([]) == zeros + [0xF7])
    #expect(MemComparable.encode([0x61]) == [0x61, 0, 0, 0, 0, 0, 0, 0, 0xF8])
    #expect(
      MemComparable.encode(Array(1...8)) == [1, 2, 3, 4, 5, 6, 7, 8, 0xFF] + zeros + [0xF7])
    #expect(MemComparable.encodedCount(8) == 18)
  }

  @Test func memComparableKeepsOrderAndIsReadBack() throws {
    var values = RandomValues(61)
    var keys: [[UInt8]] = []
    for _ in 0..<600 {
      keys.append(values.list(20) { $0.one(of: [0, 1, 0xFE, 0xFF] as [UInt8]) })
    }
    for key in keys {
      let encoded = MemComparable.encode(key)
      #expect(encoded.count == MemComparable.encodedCount(key.count))
      #expect(try MemComparable.decode(encoded) == key)
      let prefix = try MemComparable.decodePrefix(encoded + [1, 2, 3])
      #expect(prefix.bytes == key && prefix.end == encoded.count)
    }
    for (one, other) in zip(keys, keys.dropFirst()) {
      let (a, b) = (MemComparable.encode(one), MemComparable.encode(other))
      #expect(precedes(one, other) == precedes(a + [0xFF], b + [0]) || one == other)
    }
  }

  @Test func malformedMemComparableIsRefused() {
    let bad: [[UInt8]] = [
      [], [1], [0, 0, 0, 0, 0, 0, 0, 0],
      [1, 2, 3, 4, 5, 6, 7, 8, 0xFF],  // promises another group
      [0, 0, 0, 0, 0, 0, 0, 0, 0xF6],  // no such marker
      [1, 0, 0, 0, 0, 0, 0, 1, 0xF8],  // padding that is not zero
      [1, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0],  // more than one encoding
    ]
    for bytes in bad {
      #expect(throws: CodecError.self) { try MemComparable.decode(bytes) }
    }
  }

  @Test func newerVersionsOfAKeyComeFirst() throws {
    let old = VersionedKey(userKey: [1, 2], timestamp: Timestamp(5))
    let new = VersionedKey(userKey: [1, 2], timestamp: Timestamp(6))
    let next = VersionedKey(userKey: [1, 2, 0], timestamp: .max)
    #expect(precedes(new.encoded(), old.encoded()))
    #expect(precedes(old.encoded(), next.encoded()))
    #expect(try VersionedKey(decoding: old.encoded()) == old)
    #expect(throws: CodecError.self) { try VersionedKey(decoding: MemComparable.encode([1])) }
    #expect(throws: CodecError.self) { try VersionedKey(decoding: old.encoded() + [0]) }
  }
}
