import Codec
import Raftstore
import Runtime
import Testing

@Suite struct StoreIdentityTests {
  private let gate = StoreStreamGate(StoreIdent(clusterID: 7, storeID: 2))

  private func identity(
    cluster: UInt64 = 7, from: UInt64 = 1, to: UInt64 = 2, incarnation: UInt64 = 5
  ) -> StoreStreamIdentity {
    StoreStreamIdentity(
      clusterID: cluster, fromStoreID: from, toStoreID: to, incarnation: incarnation)
  }

  @Test func headersCarryEverything() {
    let sent = identity(cluster: .max, incarnation: .max)
    var headers = Dictionary(uniqueKeysWithValues: sent.headers.map { ($0.0, $0.1) })
    #expect(StoreStreamIdentity { headers[$0] } == sent)
    for name in headers.keys.sorted() {
      let value = headers[name]
      for wrong in [nil, "", "x", "-1", "18446744073709551616", "1 "] {
        headers[name] = wrong
        #expect(StoreStreamIdentity { headers[$0] } == nil, "\(name): \(wrong ?? "none")")
      }
      headers[name] = value
    }
  }

  @Test func strangersAreRefused() throws {
    #expect(throws: StoreStreamRefusal.anonymous) { try gate.admit(nil) }
    #expect(throws: StoreStreamRefusal.otherCluster(theirs: 8, ours: 7)) {
      try gate.admit(identity(cluster: 8))
    }
    #expect(throws: StoreStreamRefusal.otherReceiver(meant: 3, ours: 2)) {
      try gate.admit(identity(to: 3))
    }
    for id in [0, 2] as [UInt64] {
      #expect(throws: StoreStreamRefusal.impossibleSender(id)) {
        try gate.admit(identity(from: id))
      }
    }
    _ = try gate.admit(identity())
  }

  @Test func onlyTheNewestIncarnationIsServed() throws {
    let old = [
      try gate.admit(identity(incarnation: 5)), try gate.admit(identity(incarnation: 5)),
    ]
    try old[0].confirm()
    let other = try gate.admit(identity(from: 3, incarnation: 1))
    let new = try gate.admit(identity(incarnation: 6))
    let refusal = StoreStreamRefusal.earlierIncarnation(storeID: 1, theirs: 5, newest: 6)
    #expect(throws: refusal) { try gate.admit(identity(incarnation: 5)) }
    for stream in old { #expect(throws: refusal) { try stream.confirm() } }
    // The past may go, or not: its successor is the one that counts.
    old[0].close()
    #expect(throws: refusal) { try old[1].confirm() }
    try new.confirm()
    try other.confirm()
  }

  /// Found by attack: one empty stream with the greatest of all numbers kept the true store out for ever.
  @Test func anIncarnationIsForgottenWithItsLastStream() throws {
    let store = try gate.admit(identity(incarnation: 2))
    for close in [true, false] {
      var forged: AdmittedStream? = try gate.admit(identity(incarnation: .max))
      let again = try gate.admit(identity(incarnation: .max))
      #expect(throws: StoreStreamRefusal.self) { try store.confirm() }
      again.close()
      again.close()
      #expect(throws: StoreStreamRefusal.self) { try store.confirm() }
      if close { forged?.close() }
      forged = nil
      try store.confirm()
      // The one before it is the newest again.
      #expect(throws: StoreStreamRefusal.self) { try gate.admit(identity(incarnation: 1)) }
    }
    store.close()
    _ = try gate.admit(identity(incarnation: 1))
  }

  /// A stream of another cluster has no say in what is the newest incarnation.
  @Test func whoIsRefusedChangesNothing() throws {
    #expect(throws: StoreStreamRefusal.self) {
      try gate.admit(identity(cluster: 8, incarnation: .max))
    }
    _ = try gate.admit(identity(incarnation: 1))
  }

  @Test func inventedStoresTakeNoMemory() throws {
    var open: [AdmittedStream] = []
    for id in 10..<(10 + 4096) as Range<UInt64> { open.append(try gate.admit(identity(from: id))) }
    #expect(throws: StoreStreamRefusal.tooManyStores) { try gate.admit(identity(from: 9999)) }
    open.append(try gate.admit(identity(from: 10, incarnation: 6)))
    open = []
    _ = try gate.admit(identity(from: 9999))
  }

  @Test func eachKindIsLoggedOnceInAWhile() {
    var log = RefusalLog()
    let other = StoreStreamRefusal.otherCluster(theirs: 8, ours: 7)
    func isLogged(
      _ refusal: StoreStreamRefusal, from sender: StoreStreamIdentity?, at seconds: Int64
    ) -> Bool {
      log.admits(refusal, from: sender, now: Instant(nanoseconds: 0) + .seconds(seconds))
    }
    #expect(isLogged(other, from: identity(), at: 0))
    #expect(!isLogged(other, from: identity(), at: 59))
    #expect(isLogged(other, from: identity(from: 3), at: 0))
    #expect(isLogged(.anonymous, from: nil, at: 0))
    #expect(isLogged(other, from: identity(), at: 61))
    for id in 10..<1000 as Range<UInt64> { _ = isLogged(other, from: identity(from: id), at: 61) }
    #expect(!isLogged(other, from: identity(from: 5000), at: 61))
    #expect(isLogged(other, from: identity(from: 5000), at: 122))
  }

  @Test func everyRefusalHasAName() {
    let all: [StoreStreamRefusal] = [
      .anonymous, .otherCluster(theirs: 1, ours: 2), .otherReceiver(meant: 1, ours: 2),
      .impossibleSender(1), .earlierIncarnation(storeID: 1, theirs: 2, newest: 3), .tooManyStores,
      .otherFormat(storeID: 3, hasTTL: true),
    ]
    #expect(all.map(\.label).sorted() == StoreStreamRefusal.labels.sorted())
  }
}
