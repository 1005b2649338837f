import Codec
import Engine
import Logging
import Raft
import RaftLog
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Raftstore

@Suite struct LogWriterTests {
  /// What left and what was told, in order.
  private final class Fixture {
    let engine: MemoryEngine
    let logs = MemoryLogStore(maxBatchBytes: 66 << 20)
    let events = Shared<[String]>()
    let fatal = FatalReasons()
    let inbox: Mailbox<RaftWorkerMessage>
    var writer: LogWriter

    init() throws {
      engine = try MemoryEngine()
      inbox = Mailbox(capacity: 100) {}
      let router = Router()
      router.attach(raft: [inbox], store: Mailbox(capacity: 1) {})
      let fatal = fatal
      writer = LogWriter(
        engine: engine, logs: logs, transport: RecordingTransport(events), router: router,
        clock: SnapshotClock(), metrics: Metrics(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        onFatal: { fatal.add($0) })
    }

    var receipts: [(UInt64, UInt64, Int)] {
      var batch: [RaftWorkerMessage] = []
      _ = inbox.drain(into: &batch, limit: 100)
      return batch.compactMap { message in
        guard case .persisted(let region, _, let number, let responses) = message else {
          return nil
        }
        return (region, number, responses.count)
      }
    }

    func task(
      _ region: UInt64, _ number: UInt64, _ index: UInt64, durability: Durability = .synced
    ) -> LogWriteTask {
      var log = LogBatch()
      log.append(region, [Entry(term: 1, index: index, data: [1])])
      let to = PeerInfo(id: 2, storeID: 2)
      return LogWriteTask(
        regionID: region, peerID: 1, number: number, log: log, durability: durability,
        messages: [RaftEnvelope(regionID: region, from: PeerInfo(id: 1, storeID: 1), to: to)],
        responses: [Message(.storageAppendResponse)])
    }
  }

  private final class RecordingTransport: Transport {
    let events: Shared<[String]>

    init(_ events: Shared<[String]>) { self.events = events }

    func send(_ envelopes: [RaftEnvelope]) {
      events.withLock { $0.append("sent \(envelopes.count)") }
    }

    func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {}

    func check(
      _ leaders: LeaderCheck, onStore storeID: UInt64,
      _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
    ) {}
  }

  @Test func manyTasksShareOneBarrier() throws {
    let fixture = try Fixture()
    let before = fixture.logs.barriers
    fixture.writer.handle([
      fixture.task(1, 1, 1), fixture.task(1, 2, 2), fixture.task(2, 1, 1),
      fixture.task(1, 3, 3),
    ])
    fixture.writer.flush()
    #expect(fixture.logs.barriers == before + 1)
    #expect(fixture.events.withLock { $0 } == ["sent 4"])
    let receipts = fixture.receipts
    #expect(receipts.map(\.0) == [1, 2, 1])
    #expect(receipts.map(\.1) == [2, 1, 3])
    #expect(receipts.map(\.2) == [2, 1, 1])
    #expect(fixture.logs.lastIndex(1) == 3)
    #expect(fixture.logs.unsyncedWrites == 0)
  }

  /// A batch beyond what one record of the log can hold ended the process.
  @Test func largeBatchesAreSplit() throws {
    let fixture = try Fixture()
    let before = fixture.logs.barriers
    let tasks = (1...40 as ClosedRange<UInt64>).map { number in
      var log = LogBatch()
      log.append(
        1, [Entry(term: 1, index: number, data: [UInt8](repeating: 1, count: 1 << 20))])
      return LogWriteTask(
        regionID: 1, peerID: 1, number: number, needsAck: true, log: log, durability: .synced)
    }
    fixture.writer.handle(tasks)
    fixture.writer.flush()
    #expect(fixture.logs.lastIndex(1) == 40)
    #expect(fixture.logs.barriers == before + 3)
    #expect(fixture.receipts.map(\.1) == [16, 32, 40])
  }

  /// A peer's entries may be more than one write of the log takes: they are written one part after the other.
  @Test func aLargeTaskIsSplit() throws {
    let fixture = try Fixture()
    let before = fixture.logs.barriers
    var log = LogBatch()
    log.append(
      1,
      (1...70 as ClosedRange<UInt64>).map {
        Entry(term: 1, index: $0, data: [UInt8](repeating: 1, count: 1 << 20))
      })
    log.setHardState(1, HardState(term: 1, vote: 2, commit: 3))
    fixture.writer.handle([
      LogWriteTask(
        regionID: 1, peerID: 1, number: 1, needsAck: true, log: log, durability: .synced)
    ])
    fixture.writer.flush()
    #expect(fixture.fatal.all.isEmpty)
    #expect(fixture.logs.lastIndex(1) == 70)
    #expect(fixture.logs.hardState(1) == HardState(term: 1, vote: 2, commit: 3))
    #expect(fixture.logs.barriers == before + 1)
    #expect(fixture.logs.unsyncedWrites == 0)
    #expect(fixture.receipts.map(\.1) == [1])
  }

  @Test func manyEnginePartsShareOneBarrier() throws {
    let fixture = try Fixture()
    let before = fixture.engine.traffic.barriers
    let tasks = (1...5 as ClosedRange<UInt64>).map { region in
      var task = fixture.task(region, 1, 1)
      var data = WriteBatch()
      data.put(.raft, [UInt8(region)], [2])
      task.data = data
      return task
    }
    fixture.writer.handle(tasks)
    fixture.writer.flush()
    #expect(fixture.engine.traffic.barriers == before + 1)
    for region in 1...5 as ClosedRange<UInt8> {
      #expect(try fixture.engine.get(.raft, [region]) == [2])
    }
  }

  @Test func nothingNeedsABarrierThatIsNotAsked() throws {
    let fixture = try Fixture()
    let before = fixture.logs.barriers
    fixture.writer.handle([fixture.task(1, 1, 1, durability: .buffered)])
    fixture.writer.flush()
    #expect(fixture.logs.barriers == before)
    #expect(fixture.receipts.count == 1)
  }

  @Test func theEnginesPartComesFirst() throws {
    let fixture = try Fixture()
    var task = fixture.task(1, 1, 1)
    var data = WriteBatch()
    data.put(.raft, [1], [2])
    task.data = data
    fixture.logs.inject(.write)
    fixture.writer.handle([task])
    fixture.writer.flush()
    #expect(try fixture.engine.get(.raft, [1]) == [2])
    #expect(fixture.engine.unsyncedWrites == 0)
    #expect(fixture.fatal.all.count == 1)
  }

  @Test(arguments: [true, false])
  func afterAFailureNothingIsAcknowledged(sync: Bool) throws {
    let fixture = try Fixture()
    fixture.logs.inject(sync ? .sync : .write)
    fixture.writer.handle([fixture.task(1, 1, 1)])
    fixture.writer.flush()
    #expect(fixture.fatal.all.count == 1)
    #expect(fixture.receipts.isEmpty)
    fixture.writer.handle([fixture.task(1, 2, 2)])
    fixture.writer.flush()
    #expect(fixture.receipts.isEmpty)
    #expect(fixture.events.withLock { $0 }.isEmpty)
    #expect(fixture.fatal.all.count == 1)
  }

  @Test func anEngineFailureStopsTheLogToo() throws {
    let fixture = try Fixture()
    var task = fixture.task(1, 1, 1)
    var data = WriteBatch()
    data.put(.raft, [1], [2])
    task.data = data
    fixture.engine.inject(.sync)
    fixture.writer.handle([fixture.task(2, 1, 1), task])
    fixture.writer.flush()
    #expect(fixture.fatal.all.count == 1)
    #expect(fixture.logs.lastIndex(1) == 0)
    #expect(fixture.receipts.isEmpty)
  }
}
