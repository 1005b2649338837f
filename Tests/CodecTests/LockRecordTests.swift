import Codec
import Testing

@Suite struct LockRecordTests {
  private func startTS(_ bytes: [UInt8]) -> UInt64? {
    LockRecord.startTS(ofWrite: bytes.span.bytes)
  }

  /// Records as TiKV writes them.
  @Test func locksOfWritesHaveTheirStartTimestamp() {
    #expect(startTS([0x50, 0x04, 0x6b, 0x31, 0x05, 0xb8, 0x17, 0x76, 0x01, 0x76]) == 5)
    #expect(startTS([0x44, 0x04, 0x6b, 0x31, 0x05, 0x00]) == 5)
    #expect(startTS([0x50, 0x02, 0x6b, 0x01, 0x01, 0x76, 0x00]) == 1)
    let large: [UInt8] = [0x80, 0x80, 0x94, 0xc4, 0xb5, 0x96, 0xf8, 0x82, 0x06]
    #expect(startTS([0x50, 0x04, 0x6b, 0x31] + large + [0x00]) == 434_000_000_000_000_000)
    #expect(startTS([0x50, 0x00] + [UInt8](repeating: 0xFF, count: 9) + [0x01]) == .max)
  }

  @Test func locksThatCommitNothingAreNone() {
    #expect(startTS([0x4c, 0x04, 0x6b, 0x31, 0x05, 0xb8, 0x17]) == nil)
    #expect(startTS([0x53, 0x04, 0x6b, 0x31, 0x0a, 0xa0, 0x9c, 0x01]) == nil)
    #expect(startTS([0x48, 0x68, 0x02]) == nil)
  }

  /// Raw requests may write any bytes under the family.
  @Test func whatIsNoRecordIsNoLock() {
    #expect(startTS([]) == nil)
    #expect(startTS([0x50]) == nil)
    #expect(startTS([0x50, 0x05, 0x6b, 0x31, 0x05]) == nil)
    #expect(startTS([0x50, 0x7E, 0x6b]) == nil)
    #expect(startTS([0x50, 0x02, 0x6b]) == nil)
    #expect(startTS([0x50, 0x02, 0x6b, 0x85]) == nil)
    #expect(startTS([0x50] + [UInt8](repeating: 0xFF, count: 20)) == nil)
    #expect(startTS([0x50, 0x00] + [UInt8](repeating: 0xFF, count: 9) + [0x02]) == nil)
  }

  @Test func questionsAboutLeadersSurviveTheirEncoding() throws {
    let check = LeaderCheck(leaders: [
      LeaderInfo(
        regionID: 7, peerID: 8, term: 9, epoch: RegionEpoch(confVersion: 2, version: 3),
        readState: SafeReadState(appliedIndex: 10, safeTS: .max)),
      LeaderInfo(regionID: 1),
    ])
    #expect(try LeaderCheck(decoding: check.encoded()) == check)
    let response = LeaderCheckResponse(regionIDs: [1, 300, .max])
    #expect(try LeaderCheckResponse(decoding: response.encoded()) == response)
  }
}
