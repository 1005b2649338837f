/// How far a write must have travelled when the call that made it returns.
package enum Durability: Sendable, Hashable {
  /// Visible to readers of this process; a crash of the machine may lose it, as part of a suffix.
  case buffered
  /// On stable storage, together with everything written before it.
  case synced
}
