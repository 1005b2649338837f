import NIOCore
import Testing

@testable import RPC

/// The values that a connection is made of.
struct ConnectionStateTests {
  // MARK: Phase

  @Test func aConnectionOpensDrainsTerminatesAndCloses() {
    var phase = ConnectionPhase.idle(drains: false)
    #expect(phase.isIdle && phase.readsInput)
    #expect(phase.start() && phase == .open && !phase.start())
    #expect(phase.drain() && phase == .draining && !phase.drain())
    #expect(phase.readsInput && !phase.isIdle)
    #expect(phase.terminate() && phase == .terminating && !phase.terminate())
    #expect(!phase.readsInput && !phase.drain() && !phase.start())
    #expect(phase.close() && phase == .closed && !phase.close())
    #expect(!phase.terminate() && !phase.drain() && !phase.start() && phase == .closed)
  }

  @Test func aDrainBeforeTheStartIsAnnouncedWithIt() {
    var phase = ConnectionPhase.idle(drains: false)
    let announces = phase.drain()
    #expect(!announces && phase.isIdle)
    #expect(phase.start() && phase == .draining)
  }

  @Test func everyPhaseCanBeClosedAtOnce() {
    for var phase in [.idle(drains: true), .open, .draining, .terminating] as [ConnectionPhase] {
      #expect(phase.close() && phase == .closed)
    }
  }

  // MARK: Time

  @Test func theClockIsReadOncePerEvent() {
    var turn = ConnectionTurn()
    var reads: Int64 = 0
    func read() -> NIODeadline {
      reads += 1
      return .uptimeNanoseconds(UInt64(reads))
    }
    #expect(!turn.isBusy)
    #expect(turn.time(read) < turn.time(read))
    turn.isReading = true
    #expect(turn.isBusy && turn.time(read) == turn.time(read) && reads == 3)
    turn.isFlushing = true
    turn.isReading = false
    #expect(turn.isBusy && turn.time(read) == .uptimeNanoseconds(3))
    turn.forgetTime()
    #expect(turn.time(read) == .uptimeNanoseconds(4))
  }

  @Test func theDeadlineTimerMovesOnlyForEarlierDeadlines() {
    let loop = TestPair.group.next()
    var timer = DeadlineTimer()
    var set: [NIODeadline] = []
    func watch(_ deadline: NIODeadline) {
      timer.watch(deadline) { deadline in
        set.append(deadline)
        return loop.scheduleTask(in: .hours(10)) {}
      }
    }
    let base = NIODeadline.uptimeNanoseconds(1_000_000_000)
    for offset in [100, 200, 100, 50, 51, 49, 48] as [Int64] {
      watch(base + .milliseconds(offset))
    }
    #expect(set == [100, 50, 48].map { base + .milliseconds($0) })
    #expect(timer.time == base + .milliseconds(48))
    timer.fired()
    #expect(timer.time == .distantFuture)
    watch(base + .milliseconds(300))
    #expect(set.count == 4)
    timer.cancel()
    #expect(timer.time == .distantFuture)
  }

  // MARK: Streams

  private func stream(deadline: NIODeadline = .distantFuture) -> CallStream {
    let stream = CallStream(
      outbox: LoopOutbox(eventLoop: TestPair.group.next()), receiveLimit: 100, sendBuffer: 100,
      window: 100)
    stream.deadline = deadline
    return stream
  }

  @Test func slotsAreUsedAgain() {
    var table = StreamTable()
    let streams = (0..<3).map { _ in stream() }
    #expect(streams.map { table.add($0) } == [0, 1, 2])
    #expect(table.remove(1) === streams[1] && table.remove(1) == nil && table.count == 2)
    #expect(table[1] == nil && table[-1] == nil && table[3] == nil)
    let next = stream()
    #expect(table.add(next) == 1 && table[1] === next && table.count == 3)
    #expect(table.removeAll().count == 3 && table.count == 0 && table[0] == nil)
  }

  @Test func streamsCutShortAreCounted() {
    var table = StreamTable()
    let (first, second) = (stream(), stream())
    let slots = [table.add(first), table.add(second)]
    table.cutShort(first)
    table.cutShort(first)
    table.cutShort(second)
    #expect(table.cutShortCount == 2)
    #expect(table.endedResponse(slots[0]) === first && table.endedResponse(slots[0]) == nil)
    #expect(table.cutShortCount == 1 && !first.isCutShort)
    // One that is gone is not to be reset any more.
    #expect(table.remove(slots[1]) === second && table.cutShortCount == 0)
  }

  @Test func writableStreamsAreTakenOnce() {
    var table = StreamTable()
    #expect(table.takeWritable() == nil)
    let stream = stream()
    table.becameWritable(stream)
    #expect(table.takeWritable()?.count == 1 && table.takeWritable() == nil)
  }

  @Test func deadlinesPassOnceAndTheNextIsKnown() {
    let base = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var table = StreamTable()
    let streams = [50, 200, 100].map { stream(deadline: base + .milliseconds($0)) } + [stream()]
    for stream in streams { _ = table.add(stream) }
    var outcome = table.expire(at: base)
    #expect(outcome.expired.isEmpty && outcome.next == base + .milliseconds(50))
    outcome = table.expire(at: base + .milliseconds(100))
    #expect(outcome.expired.map(ObjectIdentifier.init) == [0, 2].map { .init(streams[$0]) })
    #expect(outcome.next == base + .milliseconds(200))
    outcome = table.expire(at: base + .milliseconds(200))
    #expect(outcome.expired.count == 1 && outcome.next == nil)
    #expect(table.expire(at: .distantFuture).expired.isEmpty)
  }

  // MARK: Output

  @Test func aFullQueueHasDrainedAtHalfOfItsCapacity() {
    var queue = OutboundQueue(capacity: 20)
    var out = ByteBuffer()
    queue.append(ByteBuffer(repeating: 1, count: 14))
    #expect(queue.bytes == 19 && !queue.wasFull)
    #expect(!queue.move(19, to: &out) && queue.bytes == 0 && queue.isEmpty)
    queue.append(ByteBuffer(repeating: 1, count: 7))
    queue.append(raw: ByteBuffer(repeating: 2, count: 8))
    #expect(queue.bytes == 20 && queue.wasFull)
    let early = queue.move(9, to: &out)
    #expect(!early && queue.wasFull)
    let drained = queue.move(1, to: &out)
    #expect(drained && !queue.wasFull && queue.bytes == 10)
    #expect(queue.removeAll() == 10 && queue.bytes == 0 && queue.isEmpty)
  }
}
