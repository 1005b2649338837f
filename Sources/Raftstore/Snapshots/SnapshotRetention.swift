/// Which idle snapshots of a region its peer may delete.
package enum SnapshotRetention {
  /// - Parameters:
  ///   - truncatedIndex: where the peer's log begins, with its term.
  ///   - applying: the snapshot the peer is putting in place, or is about to.
  ///   - now: milliseconds since 1970.
  ///   - timeout: how long a built snapshot waits for a sender.
  /// - Returns: those to delete, in their order.
  package static func disposable(
    _ idle: [IdleSnapshot], truncatedIndex: UInt64, truncatedTerm: UInt64,
    applying: SnapshotKey?, now: UInt64, timeout: Duration
  ) -> [IdleSnapshot] {
    idle.filter { snapshot in
      let key = snapshot.key
      switch snapshot.origin {
      case .generated:
        // A follower that got it would still miss entries that are no longer in the log.
        if key.term < truncatedTerm || key.index < truncatedIndex { return true }
        return isOlder(snapshot, than: timeout, now: now)
      case .received:
        if key == applying { return false }
        // It has been applied, or the log has gone past it.
        if key.term <= truncatedTerm && key.index <= truncatedIndex { return true }
        return isOlder(snapshot, than: timeout, now: now)
      }
    }
  }

  /// A snapshot without a meta file, of time 0, was never completed: no one can use it.
  private static func isOlder(
    _ snapshot: IdleSnapshot, than timeout: Duration, now: UInt64
  ) -> Bool {
    guard now > snapshot.modified else { return false }
    return Duration.milliseconds(Int64(clamping: now - snapshot.modified)) > timeout
  }
}
