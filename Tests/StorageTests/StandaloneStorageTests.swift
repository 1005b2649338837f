import Codec
import Engine
import Runtime
import Storage
import Testing

struct StandaloneStorageTests {
  @Test func checksRequestsAsAReplicatedStoreDoes() throws {
    let store = try StandaloneFixture()
    var context = StandaloneFixture.context
    context.peer.storeID = 9
    context.regionID = 7
    #expect(
      throws: StorageError.region(.storeNotMatch(requestStoreID: 9, actualStoreID: 1))
    ) { try store.get([1], context) }
    context.peer.storeID = 1
    #expect(throws: StorageError.region(.regionNotFound(regionID: 7))) {
      try store.put([1], [1], context)
    }
    context.regionID = 2
    context.peer.id = 8
    #expect(
      throws: StorageError.region(.mismatchPeerID(requestPeerID: 8, storePeerID: 3))
    ) { try store.get([1], context) }
    context.peer.id = 3
    context.epoch.version = 5
    #expect(
      throws: StorageError.region(.epochNotMatch(currentRegions: [StandaloneFixture.region]))
    ) { try store.put([1], [1], context) }
    #expect(try store.get([1]) == nil)
  }

  @Test func keysOutsideTheRegionAreNamed() throws {
    let region = Region(
      id: 2, startKey: [2], endKey: [4], epoch: .initial, peers: [StandaloneFixture.peer])
    let store = try StandaloneFixture(region: region)
    let error = StorageError.region(.keyNotInRegion(key: [4], regionID: 2, start: [2], end: [4]))
    #expect(throws: error) { try store.put([4], [1]) }
    #expect(throws: error) { try store.get([4]) }
    #expect(throws: StorageError.self) { try store.deleteRange([3], []) }
    try store.deleteRange([3], [4])
  }

  @Test func aWriteThatIsTooLargeIsRefused() throws {
    let store = try StandaloneFixture()
    #expect(
      throws: StorageError.region(.raftEntryTooLarge(regionID: 2, entrySize: (8 << 20) + 1))
    ) { try store.put([1], [UInt8](repeating: 0, count: 8 << 20)) }
    try store.put([1], [UInt8](repeating: 0, count: 7 << 20))
  }

  @Test func theLimitOfWritesIsConfigurable() throws {
    let store = try StandaloneFixture(maxWriteSize: 1000)
    try store.put([1], [UInt8](repeating: 0, count: 999))
    #expect(
      throws: StorageError.region(.raftEntryTooLarge(regionID: 2, entrySize: 1001))
    ) { try store.put([1], [UInt8](repeating: 0, count: 1000)) }
  }

  @Test func acknowledgedWritesSurviveACrashAndQueuedOnesShareABarrier() throws {
    let store = try StandaloneFixture()
    let boxes = (0..<1000).map { _ in ResultBox<Void>() }
    for (index, box) in boxes.enumerated() {
      let key = [UInt8(index / 256), UInt8(index % 256)]
      store.raw.put(StandaloneFixture.context, cf: "", key: key, value: key, ttl: 0) {
        box.fill($0)
      }
    }
    for box in boxes { try box.wait().get() }
    #expect(store.engine.traffic.barriers < 1000)
    let survivor = store.engine.crash()
    #expect(try survivor.scan(.default).count == 1000)
  }

  @Test func aFailedBarrierStopsEverythingAfterIt() throws {
    let store = try StandaloneFixture()
    try store.put([1], [1])
    store.engine.inject(.sync)
    #expect(throws: StorageError.self) { try store.put([2], [2]) }
    #expect(throws: StorageError.self) { try store.put([3], [3]) }
    #expect(store.reasons.all.count == 1)
  }

  @Test func afterStopWritesAreRefused() throws {
    let store = try StandaloneFixture()
    store.storage.stop()
    #expect(throws: StorageError.self) { try store.put([1], [1]) }
  }
}
