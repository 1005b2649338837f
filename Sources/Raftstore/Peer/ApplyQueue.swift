/// What of the committed entries was given to the apply worker, or waits for a snapshot's data.
struct ApplyQueue {
  /// Entries up to this index were given to the apply worker, wait here, or are covered by a snapshot.
  private(set) var lastIndex: UInt64
  /// Waits until a snapshot's data is in place, in log order.
  private var deferred: [ApplyTask] = []

  init(lastIndex: UInt64) { self.lastIndex = lastIndex }

  mutating func submit(through index: UInt64) { lastIndex = index }

  mutating func `defer`(_ task: ApplyTask) { deferred.append(task) }

  /// Everything that waits, for the apply worker.
  mutating func takeDeferred() -> [ApplyTask] {
    defer { deferred = [] }
    return deferred
  }
}
