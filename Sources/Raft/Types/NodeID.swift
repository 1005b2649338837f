/// Node ids with a meaning of their own.
package enum NodeID {
  /// No node.
  package static let none: UInt64 = 0
  /// Whoever writes the log, in asynchronous mode.
  package static let appendThread = UInt64.max
  /// Whoever applies committed entries, in asynchronous mode.
  package static let applyThread = UInt64.max - 1

  /// Whether `id` is one of the two storage threads.
  package static func isThread(_ id: UInt64) -> Bool { id >= applyThread }
}
