import Codec
import Collections
import Raft

/// Proposals of a leader that are not committed yet, in order of index.
struct ProposalQueue {
  private var queue: Deque<Proposal> = []

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

  /// Responds to all, in order.
  mutating func failAll(_ error: RegionError) {
    while let head = queue.popFirst() { head.fail(error) }
  }
}
