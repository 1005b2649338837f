import Engine
import Runtime
import Synchronization

/// A read that can be done in pieces, one thread at a time.
protocol ReadPieces: SendableMetatype {
  /// Does a piece that takes little time in the usual case. False when nothing was left to do.
  mutating func next(_ reply: inout ReplyPairs) throws(StorageError) -> Bool
}

/// Carries out a long read slice by slice and completes it exactly once.
///
/// The pieces and the cursor in them pass from thread to thread under the lock; slices never overlap, because
/// the next one is queued at the end of the one before.
final class SlicedRead<Pieces: ReadPieces>: Sendable {
  private struct State {
    var pieces: Pieces
    var reply: ReplyPairs
  }

  /// How a slice ended.
  private enum Outcome {
    case finished(Result<[KeyValue], StorageError>)
    /// Bytes of the reply so far.
    case unfinished(Int)
  }

  /// Pieces of a slice, whatever the clock says.
  private static var piecesPerSlice: Int { 256 }

  private let state: Mutex<State>
  private let turns: ReadTurns?
  private let completion: @Sendable (Result<[KeyValue], StorageError>) -> Void

  /// - Parameters:
  ///   - limit: bytes of the reply.
  ///   - turns: nil for a read that is done at once.
  init(
    _ pieces: sending Pieces, limit: Int, _ turns: ReadTurns?,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    state = Mutex(State(pieces: pieces, reply: ReplyPairs(limit: limit)))
    self.turns = turns
    self.completion = completion
  }

  /// Works on the calling thread until the read is finished or its slice is over.
  func run() {
    while true {
      switch slice() {
      case .finished(let result): return completion(result)
      case .unfinished(let held):
        guard let turns else { continue }
        switch turns.yield(held, { self.run() }) {
        case .queued: return
        case .goOn: continue
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
        guard let turns else {
          while try state.pieces.next(&state.reply) {}
          return .finished(.success(state.reply.pairs))
        }
        let began = turns.now()
        var now = began
        // One piece at least is done in each slice, however short.
        for _ in 0..<Self.piecesPerSlice {
          guard !turns.isCancelled() else { throw .cancelled }
          guard now < turns.deadline else { throw .deadlineExceeded }
          guard try state.pieces.next(&state.reply) else {
            return .finished(.success(state.reply.pairs))
          }
          now = turns.now()
          if now - began >= turns.slice { break }
        }
        return .unfinished(state.reply.bytes)
      } catch {
        return .finished(.failure(error))
      }
    }
  }
}

extension StorageError {
  /// No one reads it; the request has to be completed all the same.
  package static let cancelled = StorageError.region(
    .serverIsBusy(reason: "the request was cancelled", backoffMs: 0))

  /// The words are TiKV's: clients look for them in the message.
  static let deadlineExceeded = StorageError.region(
    .serverIsBusy(reason: "Deadline is exceeded", backoffMs: 0))
}
