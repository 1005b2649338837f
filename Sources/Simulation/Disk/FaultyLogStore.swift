package import Raft
package import RaftLog
package import Runtime

/// A store's raft log on a disk that has faults, for one process.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class FaultyLogStore: ForwardingLogStore, @unchecked Sendable {
  private let faults: DiskFaults
  private let process: SimulatedProcess

  package init(_ base: any RaftLogStore, _ faults: DiskFaults, _ process: SimulatedProcess) {
    self.faults = faults
    self.process = process
    super.init(base)
  }

  private func perform<R>(
    _ operation: DiskFaults.Operation, _ name: String, _ body: () throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try faults.perform(operation, in: process, { Self.error($0, name) }, body)
  }

  private static func error(_ failure: DiskFaults.Failure, _ name: String) -> LogStoreError {
    switch failure {
    case .dead: .closed
    case .io: .io(operation: name, reason: "simulated")
    case .full: .noSpace("simulated")
    }
  }

  package override func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let receipt = try perform(.write, "write") { () throws(LogStoreError) in
      try base.write(batch, .buffered)
    }
    guard durability == .synced, receipt.durableLSN < receipt.lsn else { return receipt }
    let durable = try sync()
    return LogReceipt(lsn: receipt.lsn, durableLSN: durable, bytes: receipt.bytes)
  }

  @discardableResult
  package override func sync() throws(LogStoreError) -> UInt64 {
    try perform(.sync, "sync") { () throws(LogStoreError) in try base.sync() }
  }

  package override func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    let found = try perform(.read, "read") { () throws(LogStoreError) in
      try base.entries(region, from: from, to: to, maxBytes: maxBytes)
    }
    guard let last = found.last else { return found }
    if try faults.damage.injects(region, from, last.index + 1, in: base) {
      faults.foundDamage("raft log of region \(region)")
      throw .corrupted(location: "region \(region)", reason: "block checksum mismatch: simulated")
    }
    return found
  }
}
