import Codec
import Engine
import Runtime
import Storage
import Synchronization
import Testing

/// Long reads work in slices of time and yield to others between them.
struct SlicedReadTests {
  private static let start = Instant(nanoseconds: 1_000_000_000)

  /// A clock that advances by a millisecond per read, and the queue of waiting reads.
  private final class ReadQueue: Sendable {
    private struct State {
      var now = SlicedReadTests.start
      var waiting: [@Sendable () -> Void] = []
      var yields = 0
      var held = 0
      var yieldResult = ReadTimeSlicing.YieldResult.queued
      var isCancelled = false
    }

    private let state = Mutex(State())

    init(_ yieldResult: ReadTimeSlicing.YieldResult = .queued) {
      state.withLock { $0.yieldResult = yieldResult }
    }

    func slicing(
      within limit: Duration = .seconds(3600), slice: Duration = .milliseconds(10)
    ) -> ReadTimeSlicing {
      ReadTimeSlicing(
        deadline: SlicedReadTests.start + limit, slice: slice,
        isCancelled: { [self] in state.withLock { $0.isCancelled } },
        now: { [self] in
          state.withLock { state in
            state.now = state.now + .milliseconds(1)
            return state.now
          }
        },
        yield: { [self] held, work in
          state.withLock { state in
            state.yields += 1
            state.held = max(state.held, held)
            if state.yieldResult == .queued { state.waiting.append(work) }
            return state.yieldResult
          }
        })
    }

    var yields: Int { state.withLock { $0.yields } }
    var held: Int { state.withLock { $0.held } }

    /// Cancels the reads.
    func cancel() { state.withLock { $0.isCancelled = true } }

    /// Runs the first queued read; false if there is none.
    func runFirst() -> Bool {
      let first = state.withLock { state -> (@Sendable () -> Void)? in
        state.waiting.isEmpty ? nil : state.waiting.removeFirst()
      }
      guard let work = first else { return false }
      work()
      return true
    }
  }

  private final class ResultRecorder: Sendable {
    private let results = Mutex<[Result<[KeyValue], StorageError>]>([])
    func note(_ result: Result<[KeyValue], StorageError>) { results.withLock { $0.append(result) } }
    var all: [Result<[KeyValue], StorageError>] { results.withLock { $0 } }
  }

  private static let busy = StorageError.region(
    .serverIsBusy(reason: "Deadline is exceeded", backoffMs: 0))

  private func store(keys: Int) throws -> StandaloneFixture {
    let store = try StandaloneFixture()
    var batch = WriteBatch()
    for number in 0..<keys { batch.put(.default, Self.key(number), [1, 2, 3]) }
    try store.engine.write(batch, .synced)
    return store
  }

  private static func key(_ number: Int) -> [UInt8] {
    [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)]
  }

  private func scan(
    _ store: StandaloneFixture, _ ranges: [KeyRange], each: Int, reverse: Bool = false,
    _ slicing: ReadTimeSlicing?
  ) -> ResultRecorder {
    let found = ResultRecorder()
    store.raw.batchScan(
      StandaloneFixture.context, cf: "", ranges: ranges, eachLimit: each, keyOnly: false,
      reverse: reverse, on: { $0() }, slicing: slicing
    ) { found.note($0) }
    return found
  }

  @Test func aScanOfManyRangesYields() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let queue = ReadQueue()
    let long = scan(store, ranges, each: 1, queue.slicing())
    #expect(long.all.isEmpty && queue.yields == 1, "it works for a slice, then yields")
    let short = scan(store, [KeyRange(start: [0, 4], end: [0, 6])], each: 5, queue.slicing())
    #expect(short.all.count == 1, "a short one is through in one slice")
    while queue.runFirst() {}
    #expect(try long.all.map { try $0.get().count } == [1000])
    #expect(queue.yields >= 90, "\(queue.yields) slices")
  }

  @Test func slicingDoesNotChangeTheResult() throws {
    let store = try store(keys: 1000)
    var random = SplitMix64(seed: 7)
    for _ in 0..<60 {
      let reverse = random.next() & 1 == 0
      let ranges = (0..<Int(random.next() % 12 + 1)).map { _ in
        let (left, right) = (Int(random.next() % 1000), Int(random.next() % 1000))
        let (low, high) = (Self.key(min(left, right)), Self.key(max(left, right) + 1))
        return reverse ? KeyRange(start: high, end: low) : KeyRange(start: low, end: high)
      }
      let each = Int(random.next() % 400)
      let queue = ReadQueue()
      let sliced = scan(
        store, ranges, each: each, reverse: reverse, queue.slicing(slice: .milliseconds(2)))
      while queue.runFirst() {}
      let unsliced = scan(store, ranges, each: each, reverse: reverse, nil)
      #expect(try sliced.all.map { try $0.get() } == unsliced.all.map { try $0.get() })
      #expect(unsliced.all.count == 1)
    }
  }

  @Test func oneLongRangeAndManyKeysAreSlicedToo() throws {
    let store = try store(keys: 5000)
    let (queue, found) = (ReadQueue(), ResultRecorder())
    store.raw.scan(
      StandaloneFixture.context, cf: "", RawScan(limit: .max), on: { $0() },
      slicing: queue.slicing(slice: .milliseconds(5))
    ) { found.note($0) }
    #expect(found.all.isEmpty)
    while queue.runFirst() {}
    #expect(try found.all.map { try $0.get().map(\.key) } == [(0..<5000).map(Self.key)])
    #expect(queue.held > 0, "the memory it holds is reported")

    let keys = (0..<5000).reversed().map(Self.key)
    let (other, values) = (ReadQueue(), ResultRecorder())
    store.raw.batchGet(
      StandaloneFixture.context, cf: "", keys: keys, on: { $0() },
      slicing: other.slicing(slice: .milliseconds(5))
    ) { values.note($0) }
    #expect(values.all.isEmpty)
    while other.runFirst() {}
    #expect(try values.all.map { try $0.get().map(\.key) } == [keys])
  }

  @Test func aSlicedReadUsesOneSnapshot() throws {
    let store = try store(keys: 300)
    let queue = ReadQueue()
    let found = scan(
      store, [KeyRange(start: [0, 0])], each: .max, queue.slicing(slice: .milliseconds(1)))
    #expect(found.all.isEmpty)
    try store.deleteRange([], [])
    while queue.runFirst() {}
    #expect(try found.all.map { try $0.get().count } == [300])
  }

  @Test func aReadFailsAtItsDeadline() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let queue = ReadQueue()
    let found = scan(store, ranges, each: 1, queue.slicing(within: .milliseconds(50)))
    while queue.runFirst() {}
    #expect(found.all == [.failure(Self.busy)])
    #expect(queue.yields < 10)
    let late = scan(store, ranges, each: 1, queue.slicing(within: .milliseconds(-1)))
    #expect(late.all == [.failure(Self.busy)], "it waited too long for its first slice")
  }

  @Test func aCanceledReadFails() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let queue = ReadQueue()
    let found = scan(store, ranges, each: 1, queue.slicing())
    #expect(found.all.isEmpty && queue.yields == 1)
    queue.cancel()
    while queue.runFirst() {}
    #expect(found.all == [.failure(.cancelled)])
    #expect(queue.yields == 1, "nothing more is done")
    #expect(scan(store, ranges, each: 1, queue.slicing()).all == [.failure(.cancelled)])
  }

  @Test func aRefusedYieldContinuesAndAStoppedOneFails() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let full = ReadQueue(.refused)
    let counts = try scan(store, ranges, each: 1, full.slicing()).all.map { try $0.get().count }
    #expect(counts == [1000])
    #expect(full.yields > 50)
    let stopped = ReadQueue(.stopped)
    let found = scan(store, ranges, each: 1, stopped.slicing())
    #expect(
      found.all
        == [.failure(.region(.serverIsBusy(reason: "the store is stopping", backoffMs: 0)))])
    #expect(stopped.yields == 1)
  }
}
