import Codec
import Raft
import Raftstore
import Runtime
import SimulationKit

/// Hibernation: who is hibernated sends nothing; a leader hibernates with a quorum; a follower wakes up soon after the
/// store of its leader is gone; and none that is awake follows a leader that sleeps on.
final class HibernationChecker: ClusterChecker {
  let name = "hibernation"

  private struct Key: Hashable {
    var store: Int
    var region: UInt64
  }

  /// A replica as it was when it was last seen to change, and since when it is like that.
  private struct Seen {
    var incarnation: UInt64
    /// A store may get another peer of the region between two views.
    var peer: UInt64
    var isAsleep: Bool
    var sleeps: UInt64
    var leader: UInt64
    var term: UInt64
    var since: Instant

    func isLike(_ other: Seen) -> Bool {
      incarnation == other.incarnation && peer == other.peer && isAsleep == other.isAsleep
        && sleeps == other.sleeps && leader == other.leader && term == other.term
    }
  }

  /// Until then a follower may sleep although its leader is gone. Several times what it takes: workers may hang.
  private static let wakeLimit = Duration.seconds(3)
  /// An election timeout, and then some.
  private static let doubtLimit = Duration.seconds(4)
  /// A view shows replicas as they were that long ago.
  private static let viewAge = Duration.milliseconds(5)

  private var seen: [Key: Seen] = [:]
  /// Since when a machine has no process, and since when a process is there and not paused.
  private var goneSince: [Int: Instant] = [:]
  private var upSince: [Int: (incarnation: UInt64, at: Instant)] = [:]
  private var lastView = Instant(nanoseconds: 0)

  func check(_ view: ClusterView) -> String? {
    let now = view.cluster.scheduler.now
    noteMachines(view.cluster, now)
    var current: [Key: Seen] = [:]
    for (store, status) in view.all {
      let key = Key(store: store.number, region: status.region.id)
      var state = Seen(
        incarnation: view.incarnation(of: store), peer: status.peer.id, isAsleep: status.isAsleep,
        sleeps: status.sleeps, leader: status.leaderPeerID, term: status.term, since: now)
      if let old = seen[key], old.isLike(state) { state.since = old.since }
      current[key] = state
    }
    defer {
      seen = current
      lastView = now
    }
    for (store, status) in view.all {
      let key = Key(store: store.number, region: status.region.id)
      guard let state = current[key] else { continue }
      let problem =
        spoke(status, state, view.cluster, now) ?? sleepsAlone(status, state, key, view, now)
        ?? sleepsOn(store, status, state, view.cluster, now)
        ?? followsSleeper(store, status, state, current, view.cluster, now)
      if let problem { return "\(store.machine.name), region \(status.region.id): \(problem)" }
    }
    return nil
  }

  private func noteMachines(_ cluster: SimulatedCluster, _ now: Instant) {
    for store in cluster.stores {
      if store.machine.isRunning {
        goneSince[store.number] = nil
      } else if goneSince[store.number] == nil {
        goneSince[store.number] = now
      }
      let incarnation = store.machine.incarnation
      if !store.isUp {
        upSince[store.number] = nil
      } else if upSince[store.number]?.incarnation != incarnation {
        upSince[store.number] = (incarnation, now)
      }
    }
  }

  private func isUp(_ store: Int, for time: Duration, _ now: Instant) -> Bool {
    upSince[store].map { now - $0.at >= time } ?? false
  }

  // MARK: Rules

  /// It was asleep since the last view and has sent a raft message.
  private func spoke(
    _ status: RegionStatus, _ state: Seen, _ cluster: SimulatedCluster, _ now: Instant
  ) -> String? {
    let replica = RaftMessageObserver.Replica(region: status.region.id, peer: status.peer.id)
    guard status.isAsleep, state.since < now,
      let last = cluster.network.observer.lastSent(by: replica),
      last > lastView, now - last >= Self.viewAge
    else { return nil }
    return "peer \(status.peer.id) is hibernated and has sent a raft message"
  }

  /// A leader has hibernated, and a quorum has not.
  private func sleepsAlone(
    _ status: RegionStatus, _ state: Seen, _ key: Key, _ view: ClusterView, _ now: Instant
  ) -> String? {
    guard status.role == .leader, status.isAsleep, state.since == now,
      let old = seen[key], old.incarnation == state.incarnation, old.sleeps < state.sleeps
    else { return nil }
    let agreed = status.region.peers.filter { peer in
      guard peer.id != status.peer.id,
        let other = view.replicas(of: status.region.id).first(where: { $0.status.peer == peer })
      else { return true }
      let before = seen[Key(store: other.store.number, region: status.region.id)]
      let mayHaveRestarted = !isUp(other.store.number, for: Self.doubtLimit, now)
      return mayHaveRestarted || other.status.isAsleep || before?.sleeps != other.status.sleeps
    }
    let state = status.region.confState
    for voters in [state.voters, state.votersOutgoing] where !voters.isEmpty {
      let count = voters.count { id in agreed.contains { $0.id == id } }
      if count <= voters.count / 2 {
        return "its leader has hibernated with \(count) of \(voters.count) voters"
      }
    }
    return nil
  }

  /// The store of its leader is gone, and it sleeps.
  private func sleepsOn(
    _ store: SimulatedStore, _ status: RegionStatus, _ state: Seen, _ cluster: SimulatedCluster,
    _ now: Instant
  ) -> String? {
    guard status.isAsleep, status.role != .leader, now - state.since >= Self.wakeLimit,
      isUp(store.number, for: Self.wakeLimit, now),
      let leader = status.region.peer(id: status.leaderPeerID),
      let machine = cluster.directory.machine(ofStore: leader.storeID),
      let gone = goneSince[machine.number], now - gone >= Self.wakeLimit
    else { return nil }
    return "peer \(status.peer.id) sleeps although the store of its leader is gone"
  }

  /// It is awake, knows a leader, and neither hears of it nor campaigns.
  private func followsSleeper(
    _ store: SimulatedStore, _ status: RegionStatus, _ state: Seen, _ all: [Key: Seen],
    _ cluster: SimulatedCluster, _ now: Instant
  ) -> String? {
    guard !status.isAsleep, status.role == .follower, !status.isApplyingSnapshot,
      status.region.peer(id: status.peer.id)?.role == .voter,
      now - state.since >= Self.doubtLimit, isUp(store.number, for: Self.doubtLimit, now),
      let leader = status.region.peer(id: status.leaderPeerID),
      let machine = cluster.directory.machine(ofStore: leader.storeID),
      isUp(machine.number, for: Self.doubtLimit, now),
      let other = all[Key(store: machine.number, region: status.region.id)],
      other.isAsleep, other.leader == leader.id, other.term == state.term,
      now - other.since >= Self.doubtLimit
    else { return nil }
    return "peer \(status.peer.id) is awake and follows a leader that is hibernated"
  }
}
