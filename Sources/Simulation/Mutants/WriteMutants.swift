import Codec
import Raftstore
import Runtime
import Storage

/// Writes whose outcome is told wrongly, or that are not one.
enum WriteMutants {
  static let all: [Mutant] = [
    Mutant(
      "write-acknowledged-early",
      "A write that was not refused within a millisecond is called done."
    ) {
      $0.faults = [.kill, .partition, .transferLeader]
      $0.parts.storage = { part, _, process in
        AlteredResponseStorage(part) { base, context, mutations, completion in
          let answer = FirstResponse(completion)
          base.write(context, mutations) { answer.give($0) }
          process.machine.scheduler.after(.milliseconds(1), in: process) {
            answer.give(.success(()))
          }
        }
      }
    },
    Mutant("write-open-called-done", "A write of which nobody knows the outcome is called done.") {
      $0.faults = [.kill, .partition, .transferLeader]
      $0.parts.storage = { part, _, _ in
        AlteredResponseStorage(part) { base, context, mutations, completion in
          base.write(context, mutations) { completion($0.isOpen ? .success(()) : $0) }
        }
      }
    },
    Mutant(
      "write-repeated-when-slow", "A write that has no answer after a while is proposed again."
    ) {
      $0.faults = [.slowDisk, .hang, .slowLink, .pause]
      $0.parts.storage = { part, _, process in
        AlteredResponseStorage(part) { base, context, mutations, completion in
          let answer = FirstResponse(completion)
          base.write(context, mutations) { answer.give($0) }
          process.machine.scheduler.after(.milliseconds(50), in: process) {
            if answer.isOwed { base.write(context, mutations) { answer.give($0) } }
          }
        }
      }
    },
    Mutant("write-done-twice", "Every twentieth write is carried out again, much later.") {
      $0.faults = []
      $0.parts.storage = { part, _, process in
        var count = 0
        return AlteredResponseStorage(part) { base, context, mutations, completion in
          base.write(context, mutations, completion)
          count += 1
          guard count % 20 == 0 else { return }
          process.machine.scheduler.after(.milliseconds(500), in: process) {
            base.write(context, mutations) { _ in }
          }
        }
      }
    },
    Mutant("batch-put-in-parts", "The changes of a batch are written one after the other.") {
      $0.faults = [.kill, .partition]
      $0.parts.storage = { part, _, _ in
        AlteredResponseStorage(part) { base, context, mutations, completion in
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
  /// Whether no one knows if the write was done.
  fileprivate var isOpen: Bool {
    switch self {
    case .failure(.region(.staleCommand)), .failure(.region(.undeterminedResult)): true
    default: false
    }
  }
}

/// Responds to writes in its own way.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class AlteredResponseStorage: ForwardingStorage, @unchecked Sendable {
  typealias Write = (
    any Storage, RequestContext, [Mutation],
    @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) -> Void

  private let body: Write

  init(_ base: any Storage, _ body: @escaping Write) {
    self.body = body
    super.init(base)
  }

  override func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    body(base, context, mutations, completion)
  }
}

/// Passes the first response on and no other.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class FirstResponse: @unchecked Sendable {
  private var completion: (@Sendable (Result<Void, StorageError>) -> Void)?

  init(_ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void) {
    self.completion = completion
  }

  var isOwed: Bool { completion != nil }

  func give(_ result: Result<Void, StorageError>) {
    completion?(result)
    completion = nil
  }
}
