import History
import Runtime
import Synchronization

/// Records the calls of a run, in memory for the checker and in a file. Any thread.
final class HistoryFileRecorder: Sendable {
  /// Counts of a run. Times are nanoseconds since its start.
  struct Progress: Sendable {
    /// Calls that have ended, whatever their outcome.
    var operations = 0
    /// Those whose outcome is unknown.
    var unknown = 0
    /// When the last call succeeded.
    var lastSuccess: UInt64 = 0
    /// The longest time in which no call of any client succeeded.
    var longestGap: UInt64 = 0

    /// The longest gap, the time from the last success to `now` included.
    func longestGap(until now: UInt64) -> UInt64 {
      max(longestGap, now > lastSuccess ? now - lastSuccess : 0)
    }
  }

  private struct State {
    var operations: [Operation] = []
    var file: any WritableFile
    /// Lines that the file does not have yet.
    var unwritten: [UInt8]
    /// The first error; nothing is written after it.
    var failure: FileSystemError?
    var progress = Progress()
  }

  private static let newline = UInt8(ascii: "\n")

  private let ids = Atomic<Int>(0)
  private let state: Mutex<State>

  /// Creates the file, or empties it.
  init(path: String) throws(FileSystemError) {
    let file = try SystemFileSystem().create(path, exclusive: false)
    state = Mutex(State(file: file, unwritten: HistoryFile.header + [Self.newline]))
  }

  /// A new id for a call.
  func nextID() -> Int { ids.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// Adds a call that ended at `time`. The file is written when 64 KiB have accumulated.
  func record(_ operation: Operation, at time: UInt64) {
    let line = HistoryFile.line(for: operation)
    state.withLock { state in
      state.operations.append(operation)
      state.unwritten += line
      state.unwritten.append(Self.newline)
      state.progress.operations += 1
      switch operation.outcome {
      case .done, .found, .swapped:
        state.progress.longestGap = state.progress.longestGap(until: time)
        state.progress.lastSuccess = max(state.progress.lastSuccess, time)
      case .failed: break
      case .unknown: state.progress.unknown += 1
      }
      if state.unwritten.count >= 64 << 10 { Self.write(&state) }
    }
  }

  /// Writes what was recorded to the file; returns the first error of the file, also an earlier one.
  func flush() -> FileSystemError? {
    state.withLock { state in
      Self.write(&state)
      return state.failure
    }
  }

  var progress: Progress { state.withLock { $0.progress } }

  var operations: [Operation] { state.withLock { $0.operations } }

  private static func write(_ state: inout State) {
    guard state.failure == nil, !state.unwritten.isEmpty else { return }
    do throws(FileSystemError) {
      try state.file.append(state.unwritten)
    } catch {
      state.failure = error
    }
    state.unwritten.removeAll(keepingCapacity: true)
  }
}
