import Codec
import Raftstore
import Runtime
import SimulationKit
import Storage

/// Writes with a wrong outcome, or that are not atomic.
enum WriteMutants {
  static let all: [Mutant] = [
    Mutant(
      "write-acked-early",
      "A write that was not refused within a millisecond is reported as done."
    ) {
      $0.faults = [.kill, .partition, .transferLeader]
      $0.parts.storage = { part, _, process in
        AlteredWriteStorage(part) { base, context, mutations, completion in
          let response = FirstResponse(completion)
          base.write(context, mutations) { response.complete($0) }
          process.machine.scheduler.after(.milliseconds(1), in: process) {
            response.complete(.success(()))
          }
        }
      }
    },
    Mutant("write-unknown-reported-done", "A write of unknown outcome is reported as done.") {
      $0.faults = [.kill, .partition, .transferLeader]
      $0.parts.storage = { part, _, _ in
        AlteredWriteStorage(part) { base, context, mutations, completion in
          base.write(context, mutations) { completion($0.isUnknown ? .success(()) : $0) }
        }
      }
    },
    Mutant(
      "write-retried-when-slow", "A write without a response after a while is proposed again."
    ) {
      $0.faults = [.slowDisk, .hang, .slowLink, .pause]
      $0.parts.storage = { part, _, process in
        AlteredWriteStorage(part) { base, context, mutations, completion in
          let response = FirstResponse(completion)
          base.write(context, mutations) { response.complete($0) }
          process.machine.scheduler.after(.milliseconds(50), in: process) {
            if response.isPending { base.write(context, mutations) { response.complete($0) } }
          }
        }
      }
    },
    Mutant("write-applied-twice", "Every twentieth write is proposed again, much later.") {
      $0.faults = []
      $0.parts.storage = { part, _, process in
        var count = 0
        return AlteredWriteStorage(part) { base, context, mutations, completion in
          base.write(context, mutations, completion)
          count += 1
          guard count % 20 == 0 else { return }
          process.machine.scheduler.after(.milliseconds(500), in: process) {
            base.write(context, mutations) { _ in }
          }
        }
      }
    },
    Mutant("batch-put-not-atomic", "The changes of a batch are written one after the other.") {
      $0.faults = [.kill, .partition]
      $0.parts.storage = { part, _, _ in
        AlteredWriteStorage(part) { base, context, mutations, completion in
          writeInParts(base, context, mutations[...], completion)
        }
      }
    },
  ]

  private static func writeInParts(
    _ base: any Storage, _ context: RequestContext, _ rest: ArraySlice<Mutation>,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    guard let first = rest.first, rest.count > 1 else {
      return base.write(context, Array(rest), completion)
    }
    base.write(context, [first]) { result in
      guard case .success = result else { return completion(result) }
      writeInParts(base, context, rest.dropFirst(), completion)
    }
  }
}

extension Result<Void, StorageError> {
  /// Whether the write may have been done or not.
  fileprivate var isUnknown: Bool {
    switch self {
    case .failure(.region(.staleCommand)), .failure(.region(.undeterminedResult)): true
    default: false
    }
  }
}

/// Writes in another way than its base.
private struct AlteredWriteStorage: ForwardingStorage {
  typealias Write = (
    any Storage, RequestContext, [Mutation],
    @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) -> Void

  let base: any Storage
  private let body: ThreadBound<Write>

  init(_ base: any Storage, _ body: @escaping Write) {
    self.base = base
    self.body = ThreadBound(body)
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    body.value(base, context, mutations, completion)
  }
}

/// Passes the first response on and no other.
private struct FirstResponse: Sendable {
  private let completion: ThreadBound<(@Sendable (Result<Void, StorageError>) -> Void)?>

  init(_ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void) {
    self.completion = ThreadBound(completion)
  }

  var isPending: Bool { completion.value != nil }

  func complete(_ result: Result<Void, StorageError>) {
    let first = completion.value
    completion.value = nil
    first?(result)
  }
}
