import Raft
import RaftLog
import Runtime
import SimulationKit

/// Raft logs that drop records, keep too much, or do not sync.
enum LogMutants {
  static let all: [Mutant] = [
    Mutant("log-drops-votes", "The raft log does not store votes.") {
      $0.faults = [.loss, .kill, .powerLoss, .partition]
      $0.parts.logs = { part, _, _ in
        AlteredLogStore(part) { operation, _ in
          guard case .setHardState(let region, var state) = operation else { return [operation] }
          state.vote = 0
          return [.setHardState(region: region, state)]
        }
      }
    },
    Mutant("log-keeps-first-term", "The raft log keeps the first term and vote that it was given.")
    {
      $0.faults = [.loss, .kill, .powerLoss, .partition]
      $0.parts.logs = { part, _, _ in
        AlteredLogStore(part) { operation, logs in
          guard case .setHardState(let region, var state) = operation else { return [operation] }
          let first = logs.hardState(region)
          if first.term != 0 { (state.term, state.vote) = (first.term, first.vote) }
          return [.setHardState(region: region, state)]
        }
      }
    },
    Mutant("log-keeps-stale-suffix", "Entries that replace others do not remove those behind them.")
    {
      $0.faults = [.partition, .kill, .powerLoss, .delay]
      $0.parts.logs = { part, _, _ in AlteredLogStore(part, keepingTail) }
    },
    Mutant("log-drops-last-entry", "Of several entries that are appended the last is dropped.") {
      $0.parts.logs = { part, _, _ in
        AlteredLogStore(part) { operation, _ in
          guard case .append(let region, let entries) = operation, entries.count > 1 else {
            return [operation]
          }
          return [.append(region: region, Array(entries.dropLast()))]
        }
      }
    },
    Mutant("log-compacts-all", "Compaction removes all entries there are.") {
      $0.faults = [.compactLog, .kill]
      $0.parts.logs = { part, _, _ in AlteredLogStore(part, compactingAll) }
    },
    Mutant("log-skips-destroy", "The log of a removed peer is not destroyed.") {
      $0.faults = [.changeMembers, .wipe, .kill]
      $0.shape.stores = 4
      $0.parts.logs = { part, _, _ in
        AlteredLogStore(part) { operation, _ in
          if case .destroy = operation { return [] }
          return [operation]
        }
      }
    },
    Mutant("log-ignores-sync", "The raft log reports writes as durable without syncing them.") {
      $0.faults = [.powerLoss]
      $0.parts.logs = { part, _, _ in UnsyncedLogStore(part) }
    },
  ]

  /// The old tail stays behind the new entries, as entries of their term.
  private static func keepingTail(
    _ operation: LogBatch.Operation, _ logs: any RaftLogStore
  ) -> [LogBatch.Operation] {
    guard case .append(let region, let entries) = operation, let last = entries.last,
      last.index < logs.lastIndex(region), last.index > logs.truncated(region).index
    else { return [operation] }
    do throws(LogStoreError) {
      var tail = try logs.entries(
        region, from: last.index + 1, to: logs.lastIndex(region) + 1, maxBytes: .max)
      for index in tail.indices { tail[index].term = last.term }
      return [.append(region: region, entries + tail)]
    } catch {
      // A disk that cannot be read keeps nothing.
      return [operation]
    }
  }

  private static func compactingAll(
    _ operation: LogBatch.Operation, _ logs: any RaftLogStore
  ) -> [LogBatch.Operation] {
    guard case .compact(let region, let index, let term) = operation else { return [operation] }
    do throws(LogStoreError) {
      let last = logs.lastIndex(region)
      guard last > index else { return [operation] }
      return [
        .compact(region: region, index: last, term: try logs.term(region, at: last))
      ]
    } catch {
      return [.compact(region: region, index: index, term: term)]
    }
  }
}
