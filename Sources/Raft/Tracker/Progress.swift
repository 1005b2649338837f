/// How a leader sends to a peer.
package enum ProgressState: UInt8, Sendable, Hashable {
  /// One append at a time: where the peer's log meets the leader's is not known.
  case probe = 0
  /// A pipeline of appends.
  case replicate = 1
  /// Nothing: a snapshot is under way.
  case snapshot = 2
}

/// What a leader knows of one peer. Invariant: `match < next`.
package struct Progress: Sendable, Equatable {
  /// Last index known to be the same on the peer.
  package var match: UInt64
  /// Next index to send.
  package var next: UInt64
  /// Highest commit index sent that the peer can have taken over.
  package var sentCommit: UInt64 = 0
  package var pendingSnapshot: UInt64 = 0
  package var inflights: Inflights
  package var state = ProgressState.probe
  /// Whether the peer was heard from since the last quorum check.
  package var recentActive = false
  /// Whether appends must wait for a response or a heartbeat.
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
  package var isPaused: Bool { state == .snapshot || appendsPaused }

  private mutating func reset(to newState: ProgressState) {
    appendsPaused = false
    pendingSnapshot = 0
    state = newState
    inflights.reset()
  }

  /// One append at a time until the follower's position is known.
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

  /// Nothing is known to be on the peer any more.
  package mutating func becomeEmpty() {
    reset(to: .probe)
    match = 0
    next = 1
    sentCommit = 0
  }

  /// Appends are sent ahead of their acknowledgments, as many as the window holds.
  package mutating func becomeReplicate() {
    reset(to: .replicate)
    next = match + 1
  }

  /// No appends until the snapshot at `index` is reported received or failed.
  package mutating func becomeSnapshot(_ index: UInt64) {
    reset(to: .snapshot)
    pendingSnapshot = index
    next = index + 1
    sentCommit = index
  }

  /// Accounts for an append that was sent. Must not be called while a snapshot is under way.
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

  /// Whether the follower would learn something from being sent commit index `index`.
  package func canBumpCommit(_ index: UInt64) -> Bool {
    index > sentCommit && sentCommit < next - 1
  }

  /// Takes over an acknowledged index; false if it is old news.
  package mutating func maybeUpdate(_ index: UInt64) -> Bool {
    guard index > match else { return false }
    match = index
    next = max(next, index + 1)
    appendsPaused = false
    return true
  }

  /// Steps back after a rejection of the append at `rejected`; false if it is stale.
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
