import Codec
import Collections
import Raft

/// Proposals of a leader that are not committed yet, in order of index.
struct ProposalQueue {
  private var queue: Deque<Proposal> = []
  /// Ticks in a row in which proposals waited while this peer did not lead.
  private var ticksWithoutLead = 0

  var isEmpty: Bool { queue.isEmpty }
  var count: Int { queue.count }

  mutating func append(_ proposal: Proposal) {
    // A new leader may propose at an index where an older term's proposal still waits.
    while let last = queue.last, last.index >= proposal.index {
      queue.removeLast()
      last.fail(.staleCommand)
    }
    queue.append(proposal)
  }

  /// Takes out those that belong to `entries`; the requesters of entries that were replaced by others
  /// are notified that theirs are stale.
  mutating func take(for entries: [Entry]) -> [Proposal] {
    guard let first = entries.first, let last = entries.last else { return [] }
    var matched: [Proposal] = []
    while let head = queue.first, head.index <= last.index {
      queue.removeFirst()
      if head.index >= first.index, entries[Int(head.index - first.index)].term == head.term {
        matched.append(head)
      } else {
        head.fail(.staleCommand)
      }
    }
    return matched
  }

  /// To be called once a tick. Requesters of entries that a former leader proposed learn what became of
  /// them when other entries take their index. If nothing comes for `limit` ticks, they are notified that the
  /// outcome is unknown.
  mutating func tick(isLeader: Bool, limit: Int) {
    guard !isLeader, !queue.isEmpty else {
      ticksWithoutLead = 0
      return
    }
    ticksWithoutLead += 1
    guard ticksWithoutLead >= limit else { return }
    ticksWithoutLead = 0
    failAll(.staleCommand)
  }

  /// Frees the memory of an empty queue.
  mutating func releaseBuffer() {
    if queue.isEmpty { queue = [] }
  }

  /// Responds to all, in order.
  mutating func failAll(_ error: RegionError) {
    while let head = queue.popFirst() { head.fail(error) }
  }
}
