package import Raft
package import RaftLog
package import Runtime

/// A store's raft log on a disk that has faults, for one process.
package final class FaultyLogStore: ForwardingLogStore {
  package let base: any RaftLogStore
  private let disk: DiskAccess

  init(_ base: any RaftLogStore, _ disk: DiskAccess) {
    self.base = base
    self.disk = disk
  }

  private func perform<R>(
    _ operation: DiskFaults.Operation, _ name: String, _ body: () throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try disk.perform(operation, { Self.error($0, name) }, body)
  }

  private static func error(_ failure: DiskFaults.Failure, _ name: String) -> LogStoreError {
    switch failure {
    case .dead: .closed
    case .io: .io(operation: name, reason: "simulated")
    case .full: .noSpace("simulated")
    }
  }

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let receipt = try perform(.write, "write") { () throws(LogStoreError) in
      try base.write(batch, .buffered)
    }
    disk.forgetReplacedDamage { try $0.isThere(in: self.base) }
    guard durability == .synced, receipt.durableLSN < receipt.lsn else { return receipt }
    let durable = try sync()
    return LogReceipt(lsn: receipt.lsn, durableLSN: durable, bytes: receipt.bytes)
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    try perform(.sync, "sync") { () throws(LogStoreError) in try base.sync() }
  }

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    let found = try perform(.read, "read") { () throws(LogStoreError) in
      try base.entries(region, from: from, to: to, maxBytes: maxBytes)
    }
    guard let last = found.last else { return found }
    if try disk.damage.injects(region, from, last.index + 1, in: base) {
      disk.foundDamage("raft log of region \(region)")
      throw .corrupted(location: "region \(region)", reason: "block checksum mismatch: simulated")
    }
    return found
  }
}
