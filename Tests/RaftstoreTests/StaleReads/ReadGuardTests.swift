import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// Reads of replicas, and transactions that compute their commit timestamps at the leader.
@Suite struct ReadGuardTests {
  /// The transactions of all stores.
  private final class Guard: ReadGuard {
    private struct State {
      var raised: [UInt64] = []
      var oldest: UInt64?
      /// What the transaction in progress may commit at.
      var commitTS: UInt64?
    }

    private let state = Shared(State())

    func raise(to timestamp: UInt64) { state.withLock { $0.raised.append(timestamp) } }
    func blocks(readAt timestamp: UInt64, in range: KeyRange) -> Bool {
      state.withLock { $0.commitTS.map { $0 <= timestamp } ?? false }
    }
    var raised: [UInt64] { state.withLock { $0.raised } }
    var oldestInProgress: UInt64? { state.withLock { $0.oldest } }

    func begin(_ startTS: UInt64, commitTS: UInt64) {
      state.withLock { ($0.oldest, $0.commitTS) = (startTS, commitTS) }
    }
    func end() { state.withLock { ($0.oldest, $0.commitTS) = (nil, nil) } }
  }

  private typealias Answer = Shared<Result<ReadGrant, RegionError>?>

  private func send(_ cluster: TestCluster, _ node: TestNode, at readTS: UInt64) -> Answer {
    let answer = Answer()
    let context = cluster.context(node) {
      $0.replicaRead = true
      $0.readTS = readTS
    }
    node.store?.router.read(
      ReadRequest(
        context: context,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    return answer
  }

  private func isGranted(_ answer: Answer) -> Bool {
    answer.withLock { if case .success? = $0 { true } else { false } }
  }

  private func safeTS(_ cluster: TestCluster, _ node: TestNode) -> UInt64 {
    node.store?.meta.delegate(cluster.regionID)?.staleReads.safeTS ?? 0
  }

  @Test(arguments: [50, UInt64.max])
  func aReadWaitsForTransactionsThatMayCommitBefore(readTS: UInt64) throws {
    let transactions = Guard()
    let cluster = try TestCluster(3, readGuard: transactions)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
    transactions.begin(10, commitTS: 50)
    let early = send(cluster, follower, at: 49)
    #expect(cluster.waitFor(.seconds(1)) { isGranted(early) })
    #expect(transactions.raised.contains(49))
    let answer = send(cluster, follower, at: readTS)
    cluster.run(.seconds(1))
    #expect(!isGranted(answer))
    #expect(transactions.raised.contains(readTS))
    transactions.end()
    #expect(cluster.waitFor(.seconds(2)) { isGranted(answer) })
  }

  /// The response to a later request serves the earlier ones: it must have been asked for with their timestamps.
  @Test func aRoundHasTheTimestampsOfThoseBefore() throws {
    let transactions = Guard()
    let cluster = try TestCluster(3, readGuard: transactions)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
    let lost = Shared<Bool>(false)
    cluster.network.add { envelope in
      guard envelope.message?.type == .readIndex else { return true }
      return lost.withLock { lost in
        defer { lost = true }
        return lost
      }
    }
    let first = send(cluster, follower, at: 100)
    cluster.run(.milliseconds(20))
    #expect(lost.withLock { $0 } && transactions.raised.isEmpty)
    let second = send(cluster, follower, at: 10)
    #expect(cluster.waitFor(.seconds(1)) { isGranted(first) && isGranted(second) })
    #expect(transactions.raised.first == 100)
  }

  @Test func aTransactionInProgressHoldsTheSafeTimestampBack() throws {
    let transactions = Guard()
    let cluster = try TestCluster(3, readGuard: transactions) { config in
      config.reads.safeTS.isEnabled = true
      config.reads.safeTS.advanceInterval = .milliseconds(100)
    }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { safeTS(cluster, $0) > 0 } })
    let startTS = cluster.pd.state.withLock { state in
      state.lastTimestamp += 1
      return state.lastTimestamp
    }
    transactions.begin(startTS, commitTS: startTS + 1)
    cluster.run(.seconds(2))
    for node in cluster.nodes { #expect(safeTS(cluster, node) < startTS) }
    #expect(transactions.raised.contains { $0 > startTS })
    transactions.end()
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { safeTS(cluster, $0) >= startTS } })
  }

  /// A write that is completed is in progress no more: its locks must be known to what follows.
  @Test func locksAreKnownBeforeTheirWriteIsCompleted() throws {
    let cluster = try TestCluster(1) { config in
      config.reads.safeTS.isEnabled = true
      config.reads.safeTS.advanceInterval = .milliseconds(100)
    }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = cluster.nodes[0]
    let store = try #require(node.store)
    #expect(cluster.waitFor { safeTS(cluster, node) > 0 })
    let startTS: UInt64 = cluster.pd.state.withLock { state in
      state.lastTimestamp += 1000
      return state.lastTimestamp
    }
    let lock = LockRecordBytes.put(startTS)
    let router = store.router
    let isDone = Shared(false)
    router.propose(
      WriteRequest(
        context: cluster.context(node),
        requests: RequestList([.put(cf: .lock, key: Array("k".utf8), value: lock)]),
        completion: Completion(abandoned: .failure(.staleCommand)) { _ in
          router.broadcast(.advanceSafeTS(round: 1 << 40, timestamp: startTS + 1000))
          isDone.withLock { $0 = true }
        }))
    #expect(cluster.waitFor(.seconds(2)) { isDone.withLock { $0 } })
    cluster.run(.seconds(1))
    #expect(safeTS(cluster, node) < startTS)
  }
}

/// The first fields of a lock in TiKV's format, of the primary "k".
private enum LockRecordBytes {
  static func put(_ startTS: UInt64) -> [UInt8] {
    var (rest, bytes) = (startTS, Array("P".utf8) + [2] + Array("k".utf8))
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest), 0]
  }
}
