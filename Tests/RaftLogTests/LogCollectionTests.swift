import Raft
import RaftLog
import Testing

/// Logs are freed in steps, some of which free nothing: TinyKV's table.
struct LogCollectionTests {
  @Test(arguments: LogStoreKind.allCases)
  func stepsFreeWhatIsBelow(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...100))
    // The first index that stays, and how many entries go.
    for (first, freed) in [(10, 9), (50, 40), (50, 0), (60, 10)] as [(UInt64, UInt64)] {
      let before = fixture.store.firstIndex(1)
      try fixture.write(.synced) { $0.compact(1, to: first - 1, term: 1) }
      #expect(fixture.store.firstIndex(1) - before == freed)
      try fixture.twice { (store) throws in
        _ = try store.purge()
        #expect(store.firstIndex(1) == first)
        expect(.compacted(first: first)) {
          try store.entries(1, from: first - 1, to: 101, maxBytes: .max)
        }
        #expect(try store.all(1) == run(1, first...100))
      }
    }
  }
}
