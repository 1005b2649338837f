import Codec
import Engine
import PlacementDriver
import Runtime
import TestSupport
import Testing

/// PD on a thread and RocksDB, called by many at the same time.
struct ConcurrentCallTests {
  private struct PD: Sendable {
    let mailbox: Mailbox<PDMessage>

    func call<Response: Sendable>(
      _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response
    ) async throws -> Response {
      try await withCheckedContinuation { continuation in
        mailbox.call(body) { continuation.resume(returning: $0) }
      }.get()
    }
  }

  private func withPD(
    at directory: TemporaryDirectory? = nil, _ body: (PD) async throws -> Void
  ) async throws {
    let directory = try directory ?? TemporaryDirectory("pd")
    let engine = try RocksEngine(path: directory.child("db"))
    let host = ThreadHost()
    let config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    let worker = host.spawn(name: "pd", capacity: 10_000) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: 77, clock: host.clock, metrics: nil,
        push: PDHandler.PushHandlers(
          opened: { _ in }, deliver: { _ in }, failed: { Issue.record($0) }))
    }
    try await body(PD(mailbox: worker.mailbox))
    worker.stop()
    host.shutdown()
    try engine.close()
  }

  /// What ten callers got, each in the order of its calls.
  private func callers<Response: Sendable>(
    _ calls: Int, _ body: @escaping @Sendable () async throws -> Response
  ) async throws -> [[Response]] {
    try await withThrowingTaskGroup(of: [Response].self) { group in
      for _ in 0..<10 {
        group.addTask {
          var all: [Response] = []
          for _ in 0..<calls { all.append(try await body()) }
          return all
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test func timestampsIncreaseForEveryCallerAndAreDistinct() async throws {
    try await withPD { pd in
      let found = try await callers(100) {
        try await pd.call { (core, reading) throws(PDError) in
          try core.timestamps.take(10, reading)
        }
      }
      for row in found { #expect(zip(row, row.dropFirst()).allSatisfy { $0 < $1 }) }
      // Each stands for the ten that end with it.
      let all = found.flatMap { $0 }.sorted()
      #expect(all.count == 1000)
      #expect(zip(all, all.dropFirst()).allSatisfy { $1.value - $0.value >= 10 })
    }
  }

  /// The service itself, called by threads at the same time, before and after a restart with a clock that is an hour
  /// behind.
  @Test func batchesDoNotOverlapAcrossARestart() async throws {
    let directory = try TemporaryDirectory("pd")
    var batches: [ClosedRange<UInt64>] = []
    var floor: UInt64 = 0
    for wall in [1_800_000_000_000, 1_799_996_400_000] as [UInt64] {
      try await withPD(at: directory) { pd in
        let service = try await pd.call { (core, _) throws(PDError) in core.timestamps }
        let found = try await callers(300) {
          let count = UInt64.random(in: 1...500)
          let reading = ClockReading(now: Instant(nanoseconds: 1), wallMilliseconds: wall)
          let last = try service.take(count, reading).value
          return last - count + 1...last
        }
        for row in found {
          #expect(zip(row, row.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        }
        let all = found.flatMap { $0 }
        #expect(all.count == 3000)
        #expect(all.allSatisfy { $0.lowerBound > floor })
        floor = all.map(\.upperBound).max() ?? 0
        batches += all
      }
    }
    batches.sort { $0.lowerBound < $1.lowerBound }
    #expect(zip(batches, batches.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
  }

  @Test func idsIncreaseForEveryCallerAndAreDistinct() async throws {
    try await withPD { pd in
      let found = try await callers(200) {
        try await pd.call { (core, _) throws(PDError) in try core.allocateIDs() }
      }
      for row in found { #expect(zip(row, row.dropFirst()).allSatisfy { $0 < $1 }) }
      #expect(Set(found.flatMap { $0 }).count == 2000)
    }
  }

  @Test func reportsOfTwoThousandRegionsAllCount() async throws {
    try await withPD { pd in
      try await pd.call { (core, reading) throws(PDError) in
        _ = try core.allocateIDs(100_000)
        let first = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
        for id in 1...3 as ClosedRange<UInt64> {
          let info = StoreInfo(id: id, address: "store-\(id)", version: "8.5.0")
          if id == 1 { try core.bootstrap(store: info, region: first, reading) }
          try core.putStore(info, reading)
        }
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 0..<10 {
          group.addTask {
            for index in stride(from: caller, to: 2000, by: 10) {
              let made = region(
                UInt64(1000 + index), "k\(10_000 + index)", "k\(10_001 + index)", version: 5,
                conf: 5, stores: [1, 2, 3])
              let leader = made.peers[index % 3]
              let step = try await pd.call { (core, reading) throws(PDError) in
                try core.regionHeartbeat(
                  RegionHeartbeat(region: made, leader: leader, term: 6), reading)
              }
              #expect(step == nil)
            }
          }
        }
        try await group.waitForAll()
      }
      let regions = try await pd.call { (core, _) throws(PDError) in
        try core.scanRegions(in: .all).map(\.region.id)
      }
      #expect(regions == (1000..<3000).map { UInt64($0) })
      let stores = try await pd.call { (core, reading) in core.storeSummaries(reading) }
      #expect(stores.map(\.peerCount) == [2000, 2000, 2000])
      #expect(stores.map(\.leaderCount) == [667, 667, 666])
    }
  }
}
