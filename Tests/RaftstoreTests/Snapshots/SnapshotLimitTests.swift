import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore
@testable import SimulationKit

/// Bandwidth, files of limited size, places for receptions, and who still wants a snapshot.
struct SnapshotLimitTests {
  private var range: KeyRange { SnapshotFixture.region.range }

  // MARK: Bandwidth

  @Test func bytesTakeTheirTime() {
    var rate = ByteRate(bytesPerSecond: 1000)
    let start = Instant(nanoseconds: 0)
    // A tenth of a second's worth goes at once.
    #expect(rate.delay(for: 100, now: start) == .zero)
    #expect(rate.delay(for: 500, now: start) == .milliseconds(500))
    #expect(rate.delay(for: 500, now: start) == .seconds(1))
    // Time that has passed is not saved up.
    #expect(rate.delay(for: 600, now: start + .seconds(60)) == .milliseconds(500))
    var unlimited = ByteRate(bytesPerSecond: 0)
    #expect(unlimited.delay(for: .max, now: start) == .zero)
    var slow = ByteRate(bytesPerSecond: 1)
    #expect(slow.delay(for: .max, now: start) > .seconds(1 << 31))
  }

  /// What is read to be built and sent, and written when it is received, counts.
  @Test func everyStageKeepsToTheBandwidth() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    var limits = SnapshotLimits()
    limits.maxBytesPerSecond = 1 << 10
    let paused = Shared(Duration.zero)
    func manager(_ fixture: SnapshotFixture) -> SnapManager {
      SnapManager(
        directory: fixture.directory, fileSystem: fixture.files, engine: fixture.engine,
        clock: fixture.clock, metrics: Metrics(), limits: limits,
        pause: { time in paused.withLock { $0 += time } })
    }
    func taken(_ body: () throws -> Void) rethrows -> Duration {
      paused.withLock { $0 = .zero }
      try body()
      return paused.withLock { $0 }
    }
    let size = Int64(try RaftSnapshotData(decoding: snapshot.data).fileSize)
    let least = Duration.milliseconds(size * 1000 / 1024 - 200)
    let chunks = try sender.chunks(snapshot)
    let (sending, receiving) = (manager(sender), manager(receiver))
    #expect(try taken { _ = try sending.generate(sender.request(index: 43)) } > .seconds(1))
    let reading = try taken {
      let source = try sending.beginSending(snapshot.key)
      while try !source.read(upTo: 1 << 20).isEmpty {}
      source.finish(succeeded: true)
    }
    #expect(reading >= least)
    let writing = try taken {
      var reader = SnapshotStreamReader(storeID: 2, snapshots: receiving)
      for chunk in chunks { try reader.receive(chunk) }
      _ = try reader.finish()
    }
    #expect(writing >= least)
  }

  // MARK: Files

  /// TiKV's test_huge_snapshot_multi_files: a family's data goes on in another file, and all of it arrives.
  @Test(arguments: SnapshotBackend.allCases)
  func aLargeFamilyIsSeveralFiles(_ backend: SnapshotBackend) throws {
    var limits = SnapshotLimits()
    limits.maxFileBytes = 1024
    let sender = try SnapshotFixture(backend, limits: limits)
    try sender.fill()
    let snapshot = try sender.manager.generate(sender.request())
    let files = try RaftSnapshotData(decoding: snapshot.data).meta.files
    #expect(files.count > 5)
    #expect(files.dropLast(2).allSatisfy { $0.cf == "default" && $0.size > 0 })
    let names = try sender.names
    #expect(names.contains("gen_7_5_42_default.sst"))
    #expect(names.contains("gen_7_5_42_default_0001.sst"))
    #expect(!names.contains { $0.hasSuffix(".tmp") })
    let (fixture, expected) = try RegionWorkerFixture.receiving(backend)
    try fixture.store.manager.delete(snapshot.key, .received)
    try fixture.store.receive(try sender.chunks(snapshot))
    #expect(try fixture.store.names.count == files.count { $0.size > 0 } + 1)
    #expect(try fixture.applySnapshot() == nil)
    #expect(try SnapshotFixture.data(fixture.store.engine, range) == expected)
    #expect(try fixture.store.names == [])
    try sender.manager.delete(snapshot.key, .generated)
    #expect(try sender.names == [])
  }

  @Test func filesOfAFamilyFollowEachOther() throws {
    var limits = SnapshotLimits()
    limits.maxFileBytes = 1024
    let sender = try SnapshotFixture(.memory, limits: limits)
    try sender.fill()
    var snapshot = try sender.manager.generate(sender.request())
    let first = try sender.content("gen_7_5_42_default.sst")
    let second = try sender.content("gen_7_5_42_default_0001.sst")
    try sender.put("gen_7_5_42_default.sst", second)
    try sender.put("gen_7_5_42_default_0001.sst", first)
    var data = try RaftSnapshotData(decoding: snapshot.data)
    data.meta.files.swapAt(0, 1)
    snapshot.data = data.encoded()
    let receiver = try SnapshotFixture(.memory)
    let sink = try #require(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data))
    for (position, file) in data.meta.files.enumerated() where file.size > 0 {
      let suffix = position == 0 ? "" : "_" + String(("000\(position)").suffix(4))
      let name =
        file.cf == "default" ? "gen_7_5_42_default\(suffix).sst" : "gen_7_5_42_\(file.cf).sst"
      try sink.write(try sender.content(name))
    }
    #expect {
      try sink.finish()
    } throws: { error in
      guard case SnapshotError.corrupted(_, let reason) = error else { return false }
      return reason.contains("do not follow")
    }
    sink.abandon()
    #expect(try receiver.names == [])
  }

  // MARK: Files that a peer has taken

  /// A removal that fails in the middle has taken some of the files: what is left is no snapshot any more.
  @Test func whatCouldOnlyBeRemovedInPartIsNotTaken() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    receiver.failOperations(after: 1)
    #expect(throws: SnapshotError.self) { try receiver.manager.delete(snapshot.key, .received) }
    receiver.failOperations(after: nil)
    #expect(try receiver.names.count < 3)
    #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
    try receiver.receive(try sender.chunks(snapshot))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 72))
  }

  /// The peer that goes must not let go of what its successor has taken.
  @Test func eachPeerHoldsTheFilesItself() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 72))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 73))
    receiver.manager.unpin(snapshot.key, for: 72)
    receiver.manager.unpin(snapshot.key, for: 72)
    #expect(throws: SnapshotError.self) { try receiver.manager.delete(snapshot.key, .received) }
    receiver.manager.unpin(snapshot.key, for: 73)
    try receiver.manager.delete(snapshot.key, .received)
    #expect(try receiver.names == [])
  }

  // MARK: Places

  @Test func placesAreKeptForThoseWhoAsked() throws {
    var limits = SnapshotLimits()
    limits.maxReceiving = 2
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory, limits: limits)
    let manager = receiver.manager
    #expect(manager.reserveReceiving(7))
    #expect(manager.reserveReceiving(8))
    #expect(!manager.reserveReceiving(9))
    #expect(manager.reserveReceiving(7))
    // One that was received is over, but waits to be applied (TiKV's reserved places).
    try receiver.receive(try sender.chunks(snapshot))
    #expect(manager.pinReceived(snapshot.key, range, for: 72))
    #expect(!manager.reserveReceiving(9))
    manager.unpin(snapshot.key, for: 72)
    #expect(manager.reserveReceiving(9))
    // A leader that never sends keeps its place for a minute.
    #expect(!manager.reserveReceiving(10))
    receiver.clock.advance(.seconds(61))
    #expect(manager.reserveReceiving(10))
  }

  /// tikv#17881: a place that was not given back made every snapshot wait a minute.
  @Test func aPlaceIsGivenBackHoweverTheReceptionEnds() throws {
    var limits = SnapshotLimits()
    limits.maxReceiving = 1
    let (_, receiver, snapshot) = try SnapshotFixture.pair(.memory, limits: limits)
    #expect(receiver.manager.reserveReceiving(7))
    let sink = try #require(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data))
    #expect(!receiver.manager.reserveReceiving(8))
    sink.abandon()
    #expect(receiver.manager.reserveReceiving(8))
  }

  // MARK: Cancellation

  @Test func sendingEndsWhenNoOneLeads() throws {
    let (sender, _, snapshot) = try SnapshotFixture.pair(.memory)
    let source = try sender.manager.beginSending(snapshot.key)
    #expect(try !source.read(upTo: 10).isEmpty)
    sender.manager.cancelSending(8)
    #expect(try !source.read(upTo: 10).isEmpty)
    sender.manager.cancelSending(7)
    #expect(throws: SnapshotError.self) { try source.read(upTo: 10) }
    source.finish(succeeded: false)
    // The next leadership sends it again.
    #expect(try sender.chunks(snapshot).count > 1)
  }

  @Test func whatNoOneWantsIsNotGenerated() throws {
    let fixture = RegionWorkerFixture(try SnapshotFixture(.memory))
    try fixture.store.fill()
    fixture.hold(SnapshotFixture.region)
    let request = fixture.store.request()
    request.cancellation.cancel()
    fixture.generate(request)
    #expect(fixture.messages().isEmpty)
    #expect(try fixture.store.names == [])
    let running = fixture.store.request()
    #expect(throws: SnapshotError.self) {
      try fixture.store.manager.generate(running) {
        running.cancellation.cancel()
        return false
      }
    }
    #expect(try fixture.store.names == [])
  }

  /// A large region keeps no other waiting as long as there is a second thread.
  @Test func anyIdleThreadTakesTheNextRequest() throws {
    let store = try SnapshotFixture(.memory)
    let generations = SnapshotGenerations()
    let first = Mailbox<SnapshotWakeUp>(capacity: 10, wake: {})
    let second = Mailbox<SnapshotWakeUp>(capacity: 10, wake: {})
    generations.attach([first, second])
    for index in 1...3 as ClosedRange<UInt64> {
      generations.submit(store.request(index: index))
    }
    // The first thread works on the first request; the other one finds the rest.
    #expect(generations.next()?.index == 1)
    var batch: [SnapshotWakeUp] = []
    _ = second.drain(into: &batch, limit: .max)
    #expect(batch.count == 3)
    #expect(generations.next()?.index == 2)
    #expect(generations.next()?.index == 3)
    #expect(generations.next() == nil)
    generations.submit(store.request())
    generations.stop()
    #expect(generations.next() == nil)
    #expect(generations.isStopped)
  }
}
