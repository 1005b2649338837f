import NIOCore
import Synchronization

/// A message that is being decompressed in pieces, by one thread at a time.
final class InflateWork: Sendable {
  private struct State {
    var input: ByteBuffer
    var output = ByteBuffer()
    let inflater = GzipInflater()
  }

  private let state: Mutex<State>

  init(_ message: ByteBuffer) {
    state = Mutex(State(input: message))
  }

  /// Decompressed so far.
  var size: Int { state.withLock { $0.output.readableBytes } }

  /// Decompresses up to `limit` bytes more.
  func run(_ limit: Int) -> GzipInflater.Progress {
    state.withLock { state in
      state.inflater.inflate(&state.input, into: &state.output, limit: limit)
    }
  }

  /// What was decompressed; leaves nothing.
  func takeOutput() -> ByteBuffer {
    state.withLock { state in
      let output = state.output
      state.output = ByteBuffer()
      return output
    }
  }
}
