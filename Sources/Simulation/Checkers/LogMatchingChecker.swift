import Raft
import RaftLog
import SimulationKit

/// Log matching, and that nothing committed is ever lost or changed.
///
/// - An entry is the same wherever its region, index and term are, and so is the term of the one before
///   it; by induction all before are equal.
/// - Each replica's committed entries go into the region's ledger. What is read later at a committed
///   index, on any disk, must be what the ledger says, crashes or not: a replica knows an entry to be
///   committed only when a quorum had it durable, and what it had itself it had durable too. So a loss
///   of power takes away the knowledge that an entry is committed, and what was applied of it, but no
///   entry; nothing un-synced is demanded back.
/// - Leader completeness: who leads in a term has everything that was committed in it or before. A
///   leader that was deposed unknowingly may lack what its successors committed.
///
/// A log is read from where the last check ended; all of it after a restart, which may repair disks.
final class LogMatchingChecker: ClusterChecker {
  let name = "log-matching"

  private struct EntryID: Hashable {
    var index: UInt64
    var term: UInt64
  }

  private struct Content: Equatable {
    var digest: UInt64
    var previousTerm: UInt64
  }

  /// What is known of one region.
  private struct Ledger {
    var entries: [EntryID: Content] = [:]
    /// The term of each committed entry by index.
    var committed: [UInt64: UInt64] = [:]
    /// For a term: how far the log was known to be committed by a leader of that term or of one before.
    var reached: [UInt64: UInt64] = [:]
  }

  private struct ReplicaLocation: Hashable {
    var store: Int
    var region: UInt64
  }

  /// Up to where the log of a replica was read, and of which process.
  private struct ReadPosition {
    var incarnation: UInt64
    var generation: Int
    var lastIndex: UInt64
    var lastTerm: UInt64
    var committed: UInt64
  }

  private var ledgers: [UInt64: Ledger] = [:]
  private var positions: [ReplicaLocation: ReadPosition] = [:]

  func check(_ view: ClusterView) -> String? {
    if let problem = incompleteLeader(view) { return problem }
    for (_, status) in view.all {
      ledgers[status.region.id, default: Ledger()].reached[status.term, default: 0].raise(
        to: status.committed)
    }
    return read(view)
  }

  func checkQuiescent(_ view: ClusterView) -> String? {
    positions = [:]
    return check(view)
  }

  /// Statuses are held against what was known before any of them was taken.
  private func incompleteLeader(_ view: ClusterView) -> String? {
    for (store, status) in view.all where status.role == .leader {
      let reached = ledgers[status.region.id]?.reached ?? [:]
      let least = reached.filter { $0.key <= status.term }.values.max() ?? 0
      if status.lastIndex < least {
        return "\(store.machine.name) leads region \(status.region.id) in term \(status.term) "
          + "with a log up to \(status.lastIndex), but \(least) was committed"
      }
    }
    return nil
  }

  // MARK: Disks

  private func read(_ view: ClusterView) -> String? {
    for disk in view.disks {
      for replica in disk.replicas {
        guard let log = replica.log else { continue }
        do throws(LogStoreError) {
          if let problem = try read(replica, log, disk) {
            return "\(disk.store.machine.name), region \(replica.regionID): \(problem)"
          }
        } catch {
          return "the log of \(disk.store.machine.name) cannot be read: \(error)"
        }
      }
    }
    return nil
  }

  private func read(
    _ replica: DiskView.Replica, _ log: DiskView.LogBounds, _ disk: DiskView
  ) throws(LogStoreError) -> String? {
    let location = ReplicaLocation(store: disk.store.number, region: replica.regionID)
    var committed = replica.hardState.commit
    if replica.isLive, let apply = replica.apply { committed.raise(to: apply.appliedIndex) }
    let position = ReadPosition(
      incarnation: disk.store.machine.incarnation, generation: disk.store.disk.generation,
      lastIndex: log.lastIndex, lastTerm: log.lastTerm, committed: min(committed, log.lastIndex))
    let first = log.truncatedIndex + 1
    let (newEntries, newCommits) = try unread(
      position, positions[location], first, replica.regionID, disk.logs)
    positions[location] = position
    var ledger = ledgers[replica.regionID] ?? Ledger()
    ledgers[replica.regionID] = nil
    defer { ledgers[replica.regionID] = ledger }
    if newEntries <= log.lastIndex {
      let entries = try disk.logs.entries(
        replica.regionID, from: newEntries, to: log.lastIndex + 1, maxBytes: .max)
      let before = try disk.logs.term(replica.regionID, at: newEntries - 1)
      if let problem = compare(entries, before, &ledger) { return problem }
    }
    for index in stride(from: newCommits, through: position.committed, by: 1) {
      let term = try disk.logs.term(replica.regionID, at: index)
      let known = ledger.committed[index]
      if let known, known != term {
        return "entry \(index) of term \(known) was committed, now it is of term \(term)"
      }
      ledger.committed[index] = term
    }
    return nil
  }

  /// From where on entries and commits have to be looked at.
  private func unread(
    _ position: ReadPosition, _ last: ReadPosition?, _ first: UInt64, _ region: UInt64,
    _ logs: MemoryLogStore
  ) throws(LogStoreError) -> (entries: UInt64, commits: UInt64) {
    guard let last, last.incarnation == position.incarnation,
      last.generation == position.generation,
      last.lastIndex <= position.lastIndex
    else { return (first, first) }
    guard last.lastIndex + 1 >= first else { return (first, first) }
    // A log that was cut and has grown again has another term where it ended.
    guard try logs.term(region, at: last.lastIndex) == last.lastTerm else { return (first, first) }
    return (last.lastIndex + 1, max(first, min(last.committed, position.committed) + 1))
  }

  private func compare(
    _ entries: [Entry], _ before: UInt64, _ ledger: inout Ledger
  ) -> String? {
    var previousTerm = before
    for entry in entries {
      var digest = Digest()
      digest.add(UInt64(entry.type.rawValue))
      digest.add(entry.data)
      let content = Content(digest: digest.value, previousTerm: previousTerm)
      let id = EntryID(index: entry.index, term: entry.term)
      if let known = ledger.entries[id], known != content {
        return "entry \(entry.index) of term \(entry.term) is not what it is elsewhere, or "
          + "follows one of term \(previousTerm) instead of \(known.previousTerm)"
      }
      ledger.entries[id] = content
      previousTerm = entry.term
    }
    return nil
  }
}

extension UInt64 {
  fileprivate mutating func raise(to other: UInt64) { self = Swift.max(self, other) }
}
