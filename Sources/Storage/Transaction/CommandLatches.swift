import Codec
import Synchronization
import Transaction

/// The latches of the write commands of a store. Commands that must wait are continued on their executors when a release
/// names them. Any thread may call.
final class CommandLatches: Sendable {
  /// The latches that a command holds.
  struct Held: Sendable {
    fileprivate var command: Latches.CommandID
    fileprivate var request: Latches.Request
  }

  private struct Waiting {
    var request: Latches.Request
    var executor: StorageExecutor
    var body: @Sendable (Held) -> Void
  }

  private struct State {
    var latches = Latches()
    var waiting: [Latches.CommandID: Waiting] = [:]
    var nextID: Latches.CommandID = 1

    mutating func makeID() -> Latches.CommandID {
      defer { nextID += 1 }
      return nextID
    }
  }

  private let state = Mutex(State())

  /// Calls `body` when the latches of all keys are held: on the calling thread if they are free, otherwise on the
  /// executor. `release` must follow.
  func acquire(
    _ hashes: [UInt64], on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (Held) -> Void
  ) {
    let held = state.withLock { state -> Held? in
      let id = state.makeID()
      var request = Latches.Request(hashes)
      if state.latches.acquire(&request, for: id) { return Held(command: id, request: request) }
      state.waiting[id] = Waiting(request: request, executor: executor, body: body)
      return nil
    }
    if let held { body(held) }
  }

  /// Releases latches, and continues commands that have all of theirs now.
  ///
  /// - Parameter successor: the key of a command that takes over its latch before those that wait for it. It must be
  ///   among the held ones.
  /// - Returns: the latch of the successor.
  @discardableResult
  func release(_ held: Held, keeping successor: UInt64? = nil) -> Held? {
    var ready: [(Waiting, Held)] = []
    let kept = state.withLock { state -> Held? in
      let next = successor.map { (Latches.Request([$0]), state.makeID()) }
      let released = state.latches.release(
        held.request, of: held.command, keeping: next.map { (request: $0.0, command: $0.1) })
      for id in released.woken {
        guard var waiting = state.waiting[id] else { continue }
        if state.latches.acquire(&waiting.request, for: id) {
          state.waiting[id] = nil
          ready.append((waiting, Held(command: id, request: waiting.request)))
        } else {
          state.waiting[id] = waiting
        }
      }
      guard let next, let request = released.kept else { return nil }
      return Held(command: next.1, request: request)
    }
    for (waiting, held) in ready { waiting.executor { waiting.body(held) } }
    return kept
  }

  /// The hash of an encoded key, by FNV-1a. The same on all stores: deadlock detectors compare them.
  static func hash(_ encodedKey: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in encodedKey { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash ^ hash >> 32
  }
}
