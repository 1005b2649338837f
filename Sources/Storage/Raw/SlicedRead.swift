import Engine
import Runtime
import Synchronization

/// A read that is done in pieces, on one thread at a time.
protocol ReadPieces: SendableMetatype {
  associatedtype Reply: ReadReply

  /// Does the next piece, which is usually short. False if there was none.
  mutating func next(_ reply: inout Reply) throws(StorageError) -> Bool
}

/// The result of a long read while it is collected.
protocol ReadReply: Sendable {
  associatedtype Value: Sendable

  /// Bytes of memory so far.
  var bytes: Int { get }
  /// What was read so far: pairs, and bytes of keys and values.
  var keysRead: Int { get }
  var bytesRead: Int { get }
  var value: Value { get }
}

/// Executes a long read in slices of time and completes it exactly once.
///
/// Pieces and their cursor move from thread to thread under the lock. Slices never overlap: the next one is queued at
/// the end of the one before.
final class SlicedRead<Pieces: ReadPieces>: Sendable {
  private struct State {
    var pieces: Pieces
    var reply: Pieces.Reply
    /// The time in slices; only measured with slicing.
    var busy = Duration.zero
  }

  /// The result of a slice.
  private enum Outcome {
    case finished(Result<Pieces.Reply.Value, StorageError>)
    /// Bytes of the reply so far.
    case unfinished(Int)
  }

  /// The most pieces in a slice, in case the clock does not advance.
  private static var piecesPerSlice: Int { 256 }

  private let state: Mutex<State>
  private let slicing: ReadTimeSlicing?
  private let completion: @Sendable (Result<Pieces.Reply.Value, StorageError>) -> Void
  /// Takes the reply and the time of a read that has succeeded.
  private let account: @Sendable (Pieces.Reply, Duration) -> Void

  /// - Parameters:
  ///   - reply: an empty one, to which the pieces are added.
  ///   - slicing: nil: the read is done in one slice.
  init(
    _ pieces: sending Pieces, into reply: Pieces.Reply, _ slicing: ReadTimeSlicing?,
    _ completion: @escaping @Sendable (Result<Pieces.Reply.Value, StorageError>) -> Void,
    account: @escaping @Sendable (_ reply: Pieces.Reply, _ busy: Duration) -> Void
  ) {
    state = Mutex(State(pieces: pieces, reply: reply))
    self.slicing = slicing
    self.completion = completion
    self.account = account
  }

  /// Works on the calling thread until the read is finished or its slice is over.
  func run() {
    while true {
      switch slice() {
      case .finished(let result):
        if case .success = result {
          let (reply, busy) = state.withLock { ($0.reply, $0.busy) }
          account(reply, busy)
        }
        return completion(result)
      case .unfinished(let held):
        guard let slicing else { continue }
        switch slicing.yield(held, { self.run() }) {
        case .queued: return
        case .refused: continue
        case .stopped:
          return completion(
            .failure(.region(.serverIsBusy(reason: "the store is stopping", backoffMs: 0))))
        }
      }
    }
  }

  private func slice() -> Outcome {
    state.withLock { state in
      do throws(StorageError) {
        guard let slicing else {
          while try state.pieces.next(&state.reply) {}
          return .finished(.success(state.reply.value))
        }
        let began = slicing.now()
        var now = began
        defer { state.busy += now - began }
        // A slice has at least one piece, however short it is.
        for _ in 0..<Self.piecesPerSlice {
          guard !slicing.isCancelled() else { throw .cancelled }
          guard now < slicing.deadline else { throw .deadlineExceeded }
          guard try state.pieces.next(&state.reply) else {
            return .finished(.success(state.reply.value))
          }
          now = slicing.now()
          if now - began >= slicing.slice { break }
        }
        return .unfinished(state.reply.bytes)
      } catch {
        return .finished(.failure(error))
      }
    }
  }
}

extension StorageError {
  /// The error of a canceled request. Its client does not read it, but every request is completed.
  package static let cancelled = StorageError.region(
    .serverIsBusy(reason: "the request was cancelled", backoffMs: 0))

  /// The message is TiKV's: clients search for it.
  static let deadlineExceeded = StorageError.region(
    .serverIsBusy(reason: "Deadline is exceeded", backoffMs: 0))
}
