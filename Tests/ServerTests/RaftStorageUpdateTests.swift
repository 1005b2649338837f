import Codec
import Engine
import Raftstore
import Runtime
import Storage
import Synchronization
import Testing

/// Updates of a replicated storage, with a raft worker whose responses are scripted.
struct RaftStorageUpdateTests {
  /// The responses of a raft worker, and its requests.
  private final class Script: Sendable {
    let writeTerm: UInt64?
    let written: Result<Void, RegionError>
    let snapshot: any KVSnapshot
    private let state = Mutex((reads: [RequestContext](), requiredTerms: [UInt64?]()))

    init(writeTerm: UInt64?, written: Result<Void, RegionError>) throws {
      self.writeTerm = writeTerm
      self.written = written
      snapshot = try MemoryEngine().snapshot()
    }

    func add(read context: RequestContext) { state.withLock { $0.reads.append(context) } }
    func add(requiredTerm: UInt64?) { state.withLock { $0.requiredTerms.append(requiredTerm) } }
    var reads: [RequestContext] { state.withLock { $0.reads } }
    var requiredTerms: [UInt64?] { state.withLock { $0.requiredTerms } }
  }

  private struct ScriptedWorker: Handler {
    let script: Script

    mutating func handle(_ batch: [RaftWorkerMessage]) {
      for message in batch {
        switch message {
        case .read(let request):
          script.add(read: request.context)
          let grant = ReadGrant(
            region: Region(id: 2, epoch: .initial, peers: []), snapshot: script.snapshot, term: 5,
            writeTerm: script.writeTerm, appliedIndex: 9)
          request.completion(.success(grant))
        case .write(let request):
          script.add(requiredTerm: request.requiredTerm)
          request.completion(script.written)
        default: break
        }
      }
    }
  }

  private struct Idle: Handler {
    mutating func handle(_ batch: [StoreMessage]) {}
  }

  /// The result of an update, with mutations or without.
  private func update(
    _ script: Script, writes: Bool = true
  ) throws -> Result<String, StorageError> {
    let host = ThreadHost()
    let worker = host.spawn(name: "raft", capacity: 16) { _ in ScriptedWorker(script: script) }
    let idle = host.spawn(name: "store", capacity: 16) { _ in Idle() }
    defer {
      worker.stop()
      idle.stop()
    }
    let (router, meta) = (Router(), StoreMeta())
    router.attach(raft: [worker.mailbox], store: idle.mailbox)
    let reader = LocalReader(
      engine: try MemoryEngine(), meta: meta, clock: host.clock, router: router)
    let storage = RaftStorage(router: router, reader: reader)
    var context = RequestContext(regionID: 2, epoch: .initial)
    context.replicaRead = true
    let response = Mutex<Result<String, StorageError>?>(nil)
    let semaphore = BinarySemaphore()
    storage.update(
      context, on: { $0() },
      { _, _ throws(StorageError) in
        StorageUpdate("value", writes ? [.put(cf: .default, key: [1], value: [2])] : [])
      }
    ) { result in
      response.withLock { $0 = result }
      semaphore.signal()
    }
    semaphore.wait(atMost: .seconds(10))
    return try #require(response.withLock { $0 })
  }

  @Test func theWriteRequiresTheTermOfTheRead() throws {
    let script = try Script(writeTerm: 5, written: .success(()))
    #expect(try update(script) == .success("value"))
    #expect(script.requiredTerms == [5])
    #expect(script.reads.map(\.replicaRead) == [false], "only a leader can propose the write")
  }

  @Test func aViewThatDecidesNothingWritesNothing() throws {
    let script = try Script(writeTerm: nil, written: .success(()))
    #expect(try update(script) == .failure(.region(.notLeader(regionID: 2, leader: nil))))
    #expect(script.requiredTerms == [])
    #expect(try update(script, writes: false) == .success("value"), "nothing was to be written")
  }

  /// A client that repeats it could read its own write.
  @Test func aStaleCommandMayHaveBeenWritten() throws {
    let stale = try Script(writeTerm: 5, written: .failure(.staleCommand))
    guard case .failure(.region(.undeterminedResult)) = try update(stale) else {
      Issue.record("a stale command was passed on")
      return
    }
    let refusal = RegionError.notLeader(regionID: 2, leader: nil)
    let refused = try Script(writeTerm: 5, written: .failure(refusal))
    #expect(try update(refused) == .failure(.region(refusal)), "nothing was proposed")
  }
}
