import Codec
import Engine
import Runtime
import Storage
import Synchronization
import Testing

/// Long reads work in slices and let others pass between them.
struct SlicedReadTests {
  private static let start = Instant(nanoseconds: 1_000_000_000)

  /// A clock that moves on by a millisecond whenever it is read, and the line of those who wait.
  private final class Line: Sendable {
    private struct State {
      var now = SlicedReadTests.start
      var waiting: [@Sendable () -> Void] = []
      var yields = 0
      var held = 0
      var answer = ReadTurns.Answer.queued
      var isCancelled = false
    }

    private let state = Mutex(State())

    init(_ answer: ReadTurns.Answer = .queued) {
      state.withLock { $0.answer = answer }
    }

    func turns(
      within limit: Duration = .seconds(3600), slice: Duration = .milliseconds(10)
    ) -> ReadTurns {
      ReadTurns(
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
            if state.answer == .queued { state.waiting.append(work) }
            return state.answer
          }
        })
    }

    var yields: Int { state.withLock { $0.yields } }
    var held: Int { state.withLock { $0.held } }

    /// From now on no one waits for the reads.
    func cancel() { state.withLock { $0.isCancelled = true } }

    /// Runs the first in line; false when there is none.
    func runFirst() -> Bool {
      let first = state.withLock { state -> (@Sendable () -> Void)? in
        state.waiting.isEmpty ? nil : state.waiting.removeFirst()
      }
      guard let work = first else { return false }
      work()
      return true
    }
  }

  private final class Found: Sendable {
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
    _ turns: ReadTurns?
  ) -> Found {
    let found = Found()
    store.raw.batchScan(
      StandaloneFixture.context, cf: "", ranges: ranges, eachLimit: each, keyOnly: false,
      reverse: reverse, on: { $0() }, turns: turns
    ) { found.note($0) }
    return found
  }

  @Test func manyRangesLetOthersPass() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let line = Line()
    let long = scan(store, ranges, each: 1, line.turns())
    #expect(long.all.isEmpty && line.yields == 1, "it works for a slice, then stands in line")
    let short = scan(store, [KeyRange(start: [0, 4], end: [0, 6])], each: 5, line.turns())
    #expect(short.all.count == 1, "a short one is through in one slice")
    while line.runFirst() {}
    #expect(try long.all.map { try $0.get().count } == [1000])
    #expect(line.yields >= 90, "\(line.yields) slices")
  }

  @Test func slicesChangeNothingInTheResult() throws {
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
      let line = Line()
      let sliced = scan(
        store, ranges, each: each, reverse: reverse, line.turns(slice: .milliseconds(2)))
      while line.runFirst() {}
      let whole = scan(store, ranges, each: each, reverse: reverse, nil)
      #expect(try sliced.all.map { try $0.get() } == whole.all.map { try $0.get() })
      #expect(whole.all.count == 1)
    }
  }

  @Test func oneLongRangeAndManyKeysAreSlicedToo() throws {
    let store = try store(keys: 5000)
    let (line, found) = (Line(), Found())
    store.raw.scan(
      StandaloneFixture.context, cf: "", RawScan(limit: .max), on: { $0() },
      turns: line.turns(slice: .milliseconds(5))
    ) { found.note($0) }
    #expect(found.all.isEmpty)
    while line.runFirst() {}
    #expect(try found.all.map { try $0.get().map(\.key) } == [(0..<5000).map(Self.key)])
    #expect(line.held > 0, "what it holds meanwhile is told")

    let keys = (0..<5000).reversed().map(Self.key)
    let (other, values) = (Line(), Found())
    store.raw.batchGet(
      StandaloneFixture.context, cf: "", keys: keys, on: { $0() },
      turns: other.turns(slice: .milliseconds(5))
    ) { values.note($0) }
    #expect(values.all.isEmpty)
    while other.runFirst() {}
    #expect(try values.all.map { try $0.get().map(\.key) } == [keys])
  }

  @Test func aReadSeesOneMoment() throws {
    let store = try store(keys: 300)
    let line = Line()
    let found = scan(
      store, [KeyRange(start: [0, 0])], each: .max, line.turns(slice: .milliseconds(1)))
    #expect(found.all.isEmpty)
    try store.deleteRange([], [])
    while line.runFirst() {}
    #expect(try found.all.map { try $0.get().count } == [300])
  }

  @Test func theDeadlineEndsIt() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let line = Line()
    let found = scan(store, ranges, each: 1, line.turns(within: .milliseconds(50)))
    while line.runFirst() {}
    #expect(found.all == [.failure(Self.busy)])
    #expect(line.yields < 10)
    let late = scan(store, ranges, each: 1, line.turns(within: .milliseconds(-1)))
    #expect(late.all == [.failure(Self.busy)], "it waited too long for its first slice")
  }

  @Test func itEndsWhenNoOneWaitsForIt() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let line = Line()
    let found = scan(store, ranges, each: 1, line.turns())
    #expect(found.all.isEmpty && line.yields == 1)
    line.cancel()
    while line.runFirst() {}
    #expect(found.all == [.failure(.cancelled)])
    #expect(line.yields == 1, "nothing more is done")
    #expect(scan(store, ranges, each: 1, line.turns()).all == [.failure(.cancelled)])
  }

  @Test func itGoesOnWhereItIsOrEnds() throws {
    let store = try store(keys: 10)
    let ranges = [KeyRange](repeating: KeyRange(start: [0, 1], end: [0, 3]), count: 1000)
    let full = Line(.goOn)
    #expect(try scan(store, ranges, each: 1, full.turns()).all.map { try $0.get().count } == [1000])
    #expect(full.yields > 50)
    let stopped = Line(.stopped)
    let found = scan(store, ranges, each: 1, stopped.turns())
    #expect(
      found.all
        == [.failure(.region(.serverIsBusy(reason: "the store is stopping", backoffMs: 0)))])
    #expect(stopped.yields == 1)
  }
}
