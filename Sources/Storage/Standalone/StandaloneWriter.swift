import Codec
import Engine
import Raftstore
import Runtime

/// A write that waits for the writer thread.
struct StandaloneWrite: Sendable {
  var mutations: [Mutation]
  var completion: Completion<Result<Void, StorageError>>

  /// About the bytes of memory it holds.
  var mailboxCost: Int { mutations.memoryCost }
}

extension [Mutation] {
  /// About the bytes of memory of a write that waits.
  var memoryCost: Int {
    reduce(256) { sum, mutation in
      switch mutation {
      case .put(_, let key, let value): sum + key.count + value.count + 64
      case .delete(_, let key): sum + key.count + 64
      case .deleteRange(_, let start, let end, _): sum + start.count + end.count + 64
      }
    }
  }
}

/// Group commit: writes all queued writes as one synced batch.
struct StandaloneWriter: Handler {
  private let engine: any KVEngine
  private let onFatal: @Sendable (String) -> Void
  /// Bytes above which a batch is written although more writes are queued.
  private static let batchBytes = 16 << 20

  private var batch = WriteBatch()
  /// The completions of the writes in `batch`.
  private var waiting: [Completion<Result<Void, StorageError>>] = []
  /// The error of a failed write, whose effect is unknown. No later write may be acknowledged.
  private var failure: EngineError?

  init(engine: any KVEngine, onFatal: @escaping @Sendable (String) -> Void) {
    self.engine = engine
    self.onFatal = onFatal
  }

  mutating func handle(_ batch: [StandaloneWrite]) {
    for write in batch {
      for mutation in write.mutations { add(mutation) }
      waiting.append(write.completion)
      if self.batch.byteSize >= Self.batchBytes { flush() }
    }
  }

  mutating func flush() {
    guard !waiting.isEmpty else { return }
    let outcome: Result<Void, StorageError>
    if let failure {
      outcome = .failure(.engine(failure))
    } else {
      do throws(EngineError) {
        try engine.write(batch, .synced)
        outcome = .success(())
      } catch {
        failure = error
        onFatal("a write to \(engine.path) failed: \(error)")
        outcome = .failure(.engine(error))
      }
    }
    for completion in waiting { completion(outcome) }
    waiting.removeAll(keepingCapacity: true)
    batch.removeAll(keepingCapacity: batch.byteSize < 8 << 20)
  }

  private mutating func add(_ mutation: Mutation) {
    switch mutation {
    case .put(let cf, let key, let value):
      batch.put(cf.family, key, value)
    case .delete(let cf, let key):
      batch.delete(cf.family, key)
    case .deleteRange(_, _, _, notifyOnly: true):
      break
    case .deleteRange(let cf, let start, let end, notifyOnly: false):
      batch.deleteRange(cf.family, from: start, to: end.isEmpty ? DataKeySpace.end : end)
    }
  }
}
