package import Raftstore

/// Which machine a store is on, and how it is reached there: what addresses are in production.
///
/// The id of a store that was wiped still leads to its machine: messages for it arrive at the store that
/// replaced it, which must refuse them.
package final class StoreDirectory {
  /// What a running store takes messages with.
  package struct StoreMailboxes {
    package var router: Router
    package var snapshots: SnapManager
    package var storeID: UInt64
  }

  private var machines: [UInt64: SimulatedMachine] = [:]
  private var inboxes: [Int: (process: SimulatedProcess, inbox: StoreMailboxes)] = [:]

  package init() {}

  /// Makes `inbox` the receiver of what is sent to its store's process.
  package func register(_ inbox: StoreMailboxes, of process: SimulatedProcess) {
    machines[inbox.storeID] = process.machine
    inboxes[process.machine.number] = (process, inbox)
  }

  /// Where the store of this id was started last; nil when it never was.
  package func machine(ofStore id: UInt64) -> SimulatedMachine? { machines[id] }

  /// Nil before the process knows its store id.
  package func inbox(of process: SimulatedProcess) -> StoreMailboxes? {
    guard let found = inboxes[process.machine.number], found.process === process else { return nil }
    return found.inbox
  }

  /// Removes the receiver on `machine`: packets to it are lost.
  package func forget(_ machine: SimulatedMachine) { inboxes[machine.number] = nil }
}
