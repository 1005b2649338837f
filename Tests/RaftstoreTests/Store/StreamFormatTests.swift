import Codec
import Raftstore
import Testing

/// Stores with different formats of values refuse each other's streams.
@Suite struct StreamFormatTests {
  private func identity(hasTTL: Bool) -> StoreStreamIdentity {
    StoreStreamIdentity(
      clusterID: 7, fromStoreID: 3, toStoreID: 2, incarnation: 1, hasTTL: hasTTL)
  }

  @Test(arguments: [false, true])
  func onlyStreamsOfTheSameFormatAreAdmitted(hasTTL: Bool) throws {
    let gate = StoreStreamGate(StoreIdent(clusterID: 7, storeID: 2), hasTTL: hasTTL)
    let admitted = try gate.admit(identity(hasTTL: hasTTL))
    #expect(admitted.identity.hasTTL == hasTTL)
    #expect(throws: StoreStreamRefusal.otherFormat(storeID: 3, hasTTL: !hasTTL)) {
      try gate.admit(identity(hasTTL: !hasTTL))
    }
  }

  @Test(arguments: [false, true])
  func headersContainIt(hasTTL: Bool) throws {
    let sent = identity(hasTTL: hasTTL)
    let headers = Dictionary(uniqueKeysWithValues: sent.headers)
    #expect(StoreStreamIdentity { headers[$0] } == sent)
    #expect((headers["apus-ttl"] != nil) == hasTTL, "the first versions do not send it")
  }
}
