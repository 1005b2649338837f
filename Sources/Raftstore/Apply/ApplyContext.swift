import Codec
import Engine
import Runtime

/// The result of applying since the last write: changes, the completions that wait for them, and
/// reports.
struct ApplyContext {
  /// Decides which regions created by splits this store takes over.
  let splits: SplitApplier
  let merges: MergeApplier
  var batch = WriteBatch()
  /// The batch must be durable before its results are reported.
  var mustSync = false
  var outcomes: [ApplyOutcome] = []
  var results: [ApplyResult] = []
  /// Data to be hashed as it is after the batch: nothing more is added to it before it is written.
  var hash: HashRequest?

  init(splits: SplitApplier, merges: MergeApplier) {
    self.splits = splits
    self.merges = merges
  }

  var isEmpty: Bool { batch.isEmpty && outcomes.isEmpty && results.isEmpty && hash == nil }

  mutating func removeAll() {
    batch.removeAll(keepingCapacity: true)
    mustSync = false
    outcomes = []
    results = []
    hash = nil
  }
}

/// A completion to call once the batch is written.
enum ApplyOutcome {
  case writes([Completion<Result<Void, RegionError>>], Result<Void, RegionError>)
  case admin(Completion<Result<[Region], RegionError>>, Result<[Region], RegionError>)

  func call() {
    switch self {
    case .writes(let completions, let result): for completion in completions { completion(result) }
    case .admin(let completion, let result): completion(result)
    }
  }

  /// The batch could not be written: what became of it is not known.
  func abandon() {
    let error = RegionError.undeterminedResult(message: "the store failed while applying")
    switch self {
    case .writes(let completions, _):
      for completion in completions { completion(.failure(error)) }
    case .admin(let completion, _): completion(.failure(error))
    }
  }
}

/// A committed entry that this store cannot apply although others may: its log or its code is at fault,
/// so going on would make replicas differ. Its peer is fenced; TiKV ends the process. Should no replica be able to
/// apply the entry, the region has no leader any more, and the other regions go on.
struct ApplyError: Error {
  var index: UInt64
  var reason: String
  /// The records of the store are at fault, not those of the region: the process ends.
  var concernsStore = false
}
