/// How a leader replicates to a peer. Numbers are etcd's.
package enum ProgressState: UInt8, Sendable, Hashable {
  /// One append message per heartbeat interval: it is not known up to where the peer's log matches.
  case probe = 0
  /// Appends are pipelined, up to the limit of `Inflights`.
  case replicate = 1
  /// No appends: a snapshot was sent and is not reported yet.
  case snapshot = 2
}

/// What a leader knows of the log of one peer: etcd's `tracker.Progress`.
///
/// Invariants: `match < next`; `sentCommit < next`; `pendingSnapshot` is 0 except in state `snapshot`.
package struct Progress: Sendable, Equatable {
  /// The last index up to which the peer's log is known to match the leader's. Counts for the commit.
  package var match: UInt64
  /// The next index to send. In state `replicate` it runs ahead of acknowledgments.
  package var next: UInt64
  /// The highest commit index sent that the peer can have adopted: it holds the entries up to there.
  package var sentCommit: UInt64 = 0
  /// The index of the snapshot that was sent and is not reported yet.
  package var pendingSnapshot: UInt64 = 0
  /// The appends that are not acknowledged; empty except in state `replicate`.
  package var inflights: Inflights
  package var state = ProgressState.probe
  /// Whether a message of the peer arrived since the last quorum check. A snapshot is only sent to an active
  /// peer.
  package var recentActive = false
  /// Whether the next append waits for a response or a heartbeat response: in state `probe` after each
  /// append, in state `replicate` while `inflights` is full.
  package var appendsPaused = false
  package var isLearner = false

  package init(
    match: UInt64 = 0, next: UInt64, inflights: Inflights, isLearner: Bool = false,
    recentActive: Bool = false
  ) {
    self.match = match
    self.next = next
    self.inflights = inflights
    self.isLearner = isLearner
    self.recentActive = recentActive
  }
}

extension Progress {
  /// Whether no append may be sent to the peer.
  package var isPaused: Bool { state == .snapshot || appendsPaused }

  private mutating func reset(to newState: ProgressState) {
    appendsPaused = false
    pendingSnapshot = 0
    state = newState
    inflights.reset()
  }

  /// Switches to `probe`, from one above `match` or the snapshot that was sent.
  package mutating func becomeProbe() {
    if state == .snapshot {
      let pending = pendingSnapshot
      reset(to: .probe)
      next = max(match + 1, pending + 1)
    } else {
      reset(to: .probe)
      next = match + 1
    }
    sentCommit = min(sentCommit, next - 1)
  }

  /// Switches to `probe` from index 1: the peer has lost its log.
  package mutating func becomeEmpty() {
    reset(to: .probe)
    match = 0
    next = 1
    sentCommit = 0
  }

  /// Switches to `replicate`, from one above `match`.
  package mutating func becomeReplicate() {
    reset(to: .replicate)
    next = match + 1
  }

  /// Switches to `snapshot`, until the snapshot at `index` is reported as received or failed.
  package mutating func becomeSnapshot(_ index: UInt64) {
    reset(to: .snapshot)
    pendingSnapshot = index
    next = index + 1
    sentCommit = index
  }

  /// Records an append that was sent. Traps in state `snapshot`.
  ///
  /// - Parameter bytes: the payload of its entries.
  package mutating func sentEntries(_ count: Int, bytes: UInt64) {
    switch state {
    case .replicate:
      if count > 0 {
        next += UInt64(count)
        inflights.add(index: next - 1, bytes: bytes)
      }
      appendsPaused = inflights.isFull
    case .probe:
      if count > 0 { appendsPaused = true }
    case .snapshot:
      preconditionFailure("append sent while a snapshot is under way")
    }
  }

  /// Whether sending commit index `index` would advance the commit index of the peer.
  package func canBumpCommit(_ index: UInt64) -> Bool {
    index > sentCommit && sentCommit < next - 1
  }

  /// Records that the peer has acknowledged `index`. False if that was known.
  package mutating func maybeUpdate(_ index: UInt64) -> Bool {
    guard index > match else { return false }
    match = index
    next = max(next, index + 1)
    appendsPaused = false
    return true
  }

  /// Lowers `next` after the peer has rejected an append. False if the rejection is stale: a duplicate or of
  /// an older append.
  ///
  /// - Parameters:
  ///   - rejected: the index that the rejected append followed.
  ///   - hint: the last index at which the logs may match.
  package mutating func maybeDecrement(rejected: UInt64, hint: UInt64) -> Bool {
    if state == .replicate {
      guard rejected > match else { return false }
      next = match + 1
    } else {
      guard next - 1 == rejected else { return false }
      next = max(hint < rejected ? hint + 1 : rejected, match + 1)
      appendsPaused = false
    }
    sentCommit = min(sentCommit, next - 1)
    return true
  }
}
