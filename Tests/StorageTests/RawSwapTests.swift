import Codec
import Engine
import Runtime
import Storage
import Synchronization
import Testing

/// Compare-and-swap on one store.
struct RawSwapTests {
  private static func swap(
    _ store: StandaloneFixture, _ key: [UInt8], _ expected: [UInt8]?, _ replacement: [UInt8]?,
    ttl: UInt64 = 0, cf: String = ""
  ) throws -> RawSwap.Outcome {
    try store.result {
      store.raw.compareAndSwap(
        StandaloneFixture.context, cf: cf,
        RawSwap(key: key, expected: expected, replacement: replacement, ttl: ttl),
        on: { $0() }, $0)
    }
  }

  @Test func writesOnlyWhatIsExpected() throws {
    let store = try StandaloneFixture()
    let absent = RawSwap.Outcome(succeeded: true, previous: nil)
    #expect(try Self.swap(store, [1], [9], [8]) == .init(succeeded: false, previous: nil))
    #expect(try store.get([1]) == nil)
    #expect(try Self.swap(store, [1], nil, [8]) == absent)
    #expect(try Self.swap(store, [1], nil, [7]) == .init(succeeded: false, previous: [8]))
    #expect(try Self.swap(store, [1], [7], [6]) == .init(succeeded: false, previous: [8]))
    #expect(try Self.swap(store, [1], [8], [6]) == .init(succeeded: true, previous: [8]))
    #expect(try store.get([1]) == [6])
    #expect(
      try Self.swap(store, [1], [6], nil, cf: "write") == .init(succeeded: false, previous: nil))
    #expect(try Self.swap(store, [1], [6], nil) == .init(succeeded: true, previous: [6]))
    #expect(try store.get([1]) == nil)
  }

  /// An empty value is not the absence of one.
  @Test func emptyKeysAndValuesAreData() throws {
    let store = try StandaloneFixture()
    #expect(try Self.swap(store, [], [], [1]) == .init(succeeded: false, previous: nil))
    #expect(try Self.swap(store, [], nil, []) == .init(succeeded: true, previous: nil))
    #expect(try Self.swap(store, [], nil, [1]) == .init(succeeded: false, previous: []))
    #expect(try Self.swap(store, [], [], [1]) == .init(succeeded: true, previous: []))
    #expect(try store.get([]) == [1])
  }

  @Test func refusesWhatCannotBeWritten() throws {
    let store = try StandaloneFixture()
    #expect(throws: StorageError.refused("ttl is not enabled, but get put request with ttl")) {
      try Self.swap(store, [1], nil, [1], ttl: 5)
    }
    #expect(throws: StorageError.refused("invalid cf name: nope")) {
      try Self.swap(store, [1], nil, [1], cf: "nope")
    }
    #expect(throws: StorageError.refused("max key size exceeded, size: 8193, limit: 8192")) {
      try Self.swap(store, [UInt8](repeating: 1, count: 8193), nil, [1])
    }
    let region = Region(
      id: 2, startKey: [2], endKey: [4], epoch: .initial, peers: [StandaloneFixture.peer])
    let other = try StandaloneFixture(region: region)
    #expect(
      throws: StorageError.region(
        .keyNotInRegion(key: [4], regionID: 2, start: [2], end: [4]))
    ) { try Self.swap(other, [4], nil, [1]) }
    // The latches of refused requests are free again.
    #expect(try Self.swap(store, [1], nil, [1]).succeeded)
    #expect(try Self.swap(other, [3], nil, [1]).succeeded)
  }

  /// Many threads increment a counter by swaps while they put other keys.
  @Test func noIncrementIsLost() throws {
    let store = try StandaloneFixture()
    let (threads, rounds) = (4, 100)
    let failures = Mutex<[String]>([])
    let workers = (0..<threads).map { number in
      JoinableThread(name: "swap-\(number)") {
        do {
          var current: [UInt8]?
          for round in 0..<rounds {
            // Puts of other keys.
            try store.put([2, UInt8(number)], [UInt8(round)])
            while true {
              let next = (current.map { Int($0[0]) << 8 | Int($0[1]) } ?? 0) + 1
              let outcome = try Self.swap(
                store, [1], current, [UInt8(next >> 8), UInt8(next & 0xFF)])
              current = outcome.previous
              if outcome.succeeded { break }
            }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for worker in workers { worker.join() }
    #expect(failures.withLock { $0 } == [])
    let total = threads * rounds
    #expect(try store.get([1]) == [UInt8(total >> 8), UInt8(total & 0xFF)])
  }

  enum Write: CaseIterable {
    case put, batchPut, delete, deleteRange
  }

  /// A write that is acknowledged between the read and the write of a swap would be lost.
  @Test(arguments: Write.allCases)
  func aWriteWaitsForTheSwapOfItsKey(_ write: Write) throws {
    let store = try StandaloneFixture()
    try store.put([1], [1])
    let held = Mutex<(@Sendable () -> Void)?>(nil)
    let (swapped, written) = (ResultBox<RawSwap.Outcome>(), ResultBox<Void>())
    store.raw.compareAndSwap(
      StandaloneFixture.context, cf: "", RawSwap(key: [1], expected: [1], replacement: [2]),
      on: { work in held.withLock { $0 = work } }
    ) { swapped.fill($0) }
    let isWritten = Mutex(false)
    let completion: @Sendable (Result<Void, StorageError>) -> Void = { result in
      isWritten.withLock { $0 = true }
      written.fill(result)
    }
    let context = StandaloneFixture.context
    switch write {
    case .put: store.raw.put(context, cf: "", key: [1], value: [3], ttl: 0, completion)
    case .batchPut:
      store.raw.batchPut(
        context, cf: "",
        pairs: [KeyValue(key: [0], value: [3]), KeyValue(key: [1], value: [3])], ttls: [],
        completion)
    case .delete: store.raw.delete(context, cf: "", keys: [[1]], completion)
    case .deleteRange: store.raw.deleteRange(context, cf: "", start: [1], end: [2], completion)
    }
    // A write of another key does not wait. It is queued after those that did not wait either.
    try store.put([2], [2])
    #expect(!isWritten.withLock { $0 })
    #expect(try store.engine.get(.default, [1]) == [1])
    let work = try #require(held.withLock { $0 })
    work()
    #expect(try swapped.wait().get() == .init(succeeded: true, previous: [1]))
    try written.wait().get()
    let isDeletion = write == .delete || write == .deleteRange
    #expect(try store.get([1]) == (isDeletion ? nil : [3]))
  }
}
