import Codec
import Engine
import Foundation
import Runtime
import Storage
import Synchronization
import TestSupport
import Testing
import Transaction

/// Money is moved between accounts by transactions of all kinds on several threads, some of which are abandoned, while
/// others read all accounts at one timestamp. `APUS_TXN_TRANSFERS` sets the transfers of each thread.
struct TransferTests {
  private static let accounts = (0..<6).map { [UInt8](repeating: UInt8(97 + $0), count: 3) }
  private static let initial: UInt8 = 100

  private static var transfers: Int {
    ProcessInfo.processInfo.environment["APUS_TXN_TRANSFERS"].flatMap(Int.init) ?? 60
  }

  /// What the threads found.
  private final class Tally: Sendable {
    private struct State {
      var commits: [Timestamp: Timestamp] = [:]
      var abandoned = 0
      var sums: [Int] = []
      var errors: [String] = []
    }

    private let state = Mutex(State())

    func committed(_ startTS: Timestamp, _ commitTS: Timestamp) {
      state.withLock { $0.commits[startTS] = commitTS }
    }
    func abandoned() { state.withLock { $0.abandoned += 1 } }
    func read(_ sum: Int) { state.withLock { $0.sums.append(sum) } }
    func failed(_ error: any Error) { state.withLock { $0.errors.append("\(error)") } }
    var commits: [Timestamp: Timestamp] { state.withLock { $0.commits } }
    var sums: [Int] { state.withLock { $0.sums } }
    var errors: [String] { state.withLock { $0.errors } }
  }

  @Test func everyReadSeesTheSameSum() throws {
    let fixture = try StandaloneFixture()
    let host = ThreadHost()
    let commands = TransactionCommands(
      storage: fixture.storage, engine: fixture.engine, host: host,
      deadlocks: LocalDeadlockDetection(clock: host.clock))
    let (oracle, tally) = (CountingOracle(), Tally())
    let client = TransactionClient(
      commands: commands, context: StandaloneFixture.context, oracle: oracle)
    let total = Self.accounts.count * Int(Self.initial)
    _ = try client.write(
      Self.accounts.map { ($0, [Self.initial]) }, startTS: oracle.next(), .twoPhase, ttl: 1000,
      abandons: false)

    let writers = (0..<3).map { number in
      JoinableThread(name: "transfer-\(number)") {
        var random = SplitMix64(seed: UInt64(number))
        for _ in 0..<Self.transfers { Self.transfer(client, tally, &random) }
      }
    }
    let reader = JoinableThread(name: "sum") {
      for _ in 0..<Self.transfers { Self.sum(client, tally) }
    }
    for thread in writers + [reader] { thread.join() }
    Self.sum(client, tally)

    #expect(tally.errors == [])
    #expect(tally.sums == Array(repeating: total, count: Self.transfers + 1))
    #expect(tally.commits.count > Self.transfers / 4)
    #expect(commands.pendingWrites == (0, 0))
    #expect(commands.concurrency.minStartTS == nil)
    try checkRecords(fixture.engine, tally.commits)
  }

  private static func transfer(
    _ client: TransactionClient, _ tally: Tally, _ random: inout SplitMix64
  ) {
    let from = Int(random.next() % UInt64(accounts.count))
    let to = (from + 1 + Int(random.next() % UInt64(accounts.count - 1))) % accounts.count
    let mode = TransactionClient.Mode.allCases[Int(random.next() % 4)]
    let (ttl, abandons) = (random.next() % 60, random.next() % 8 == 0)
    let startTS = client.oracle.next()
    do {
      let values = try client.read([accounts[from], accounts[to]], at: startTS)
      guard let left = values[accounts[from]]?.first, let right = values[accounts[to]]?.first,
        left > 0, right < 255
      else { return }
      let commitTS = try client.write(
        [(accounts[from], [left - 1]), (accounts[to], [right + 1])], startTS: startTS, mode,
        ttl: ttl, abandons: abandons)
      if let commitTS { tally.committed(startTS, commitTS) } else { tally.abandoned() }
    } catch is TransactionClient.Aborted {
      return
    } catch {
      tally.failed(error)
    }
  }

  private static func sum(_ client: TransactionClient, _ tally: Tally) {
    do {
      let values = try client.read(accounts, at: client.oracle.next())
      tally.read(values.values.reduce(0) { $0 + Int($1[0]) })
    } catch {
      tally.failed(error)
    }
  }

  /// A transaction has one commit timestamp, or was rolled back; what was acknowledged is there.
  private func checkRecords(_ engine: MemoryEngine, _ commits: [Timestamp: Timestamp]) throws {
    let reader = MVCCReader(engine.snapshot())
    var found: [Timestamp: Timestamp] = [:]
    var rolledBack: Set<Timestamp> = []
    for key in Self.accounts.map({ MVCCKey($0) }) {
      #expect(try reader.lock(key) == nil, "all locks are resolved")
      var at = Timestamp.max
      while let (commitTS, record) = try reader.record(key, at: at) {
        if record.kind == .rollback {
          #expect(commitTS == record.startTS)
          rolledBack.insert(record.startTS)
        } else {
          #expect(commitTS > record.startTS)
          #expect(found.updateValue(commitTS, forKey: record.startTS) ?? commitTS == commitTS)
        }
        at = Timestamp(commitTS.value - 1)
      }
    }
    #expect(rolledBack.isDisjoint(with: found.keys))
    for (startTS, commitTS) in commits { #expect(found[startTS] == commitTS) }
  }
}
