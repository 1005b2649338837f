package import Raft
package import RaftLog
package import Runtime

/// A raft-log store that forwards everything to another one: what a fault or a mutant changes, a type
/// implements itself.
package protocol ForwardingLogStore: RaftLogStore {
  /// Where everything goes that the type does not implement.
  var base: any RaftLogStore { get }
}

extension ForwardingLogStore {
  package var capabilities: LogStoreCapabilities { base.capabilities }

  package func identity() throws(LogStoreError) -> LogStoreIdentity? { try base.identity() }
  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) { try base.bind(identity) }

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    try base.write(batch, durability)
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 { try base.sync() }

  package func firstIndex(_ region: UInt64) -> UInt64 { base.firstIndex(region) }
  package func lastIndex(_ region: UInt64) -> UInt64 { base.lastIndex(region) }

  package func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64 {
    try base.term(region, at: index)
  }

  package func hardState(_ region: UInt64) -> HardState { base.hardState(region) }
  package func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64) {
    base.truncated(region)
  }

  package func openedBytes(_ region: UInt64) -> UInt64 { base.openedBytes(region) }

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    try base.entries(region, from: from, to: to, maxBytes: maxBytes)
  }

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try base.value(region, key: key)
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    try base.scan(region, from: from, to: to, body)
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try base.tombstone(region)
  }

  package func damage(of region: UInt64) -> String? { base.damage(of: region) }
  package func regions() -> [UInt64] { base.regions() }
  package func tombstones() -> [UInt64] { base.tombstones() }

  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    base.hold(region, from: index)
  }

  package func release(_ hold: LogHold) { base.release(hold) }

  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] { try base.purge() }

  @discardableResult
  package func checkpoint(to path: String) throws(LogStoreError) -> UInt64 {
    try base.checkpoint(to: path)
  }

  package func verify(deep: Bool) throws(LogStoreError) { try base.verify(deep: deep) }
  package func usedBytes() throws(LogStoreError) -> UInt64 { try base.usedBytes() }
  package func close() throws(LogStoreError) { try base.close() }
}
