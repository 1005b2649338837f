import Codec

/// A peer's writes that are not proposed yet.
struct PendingWrites {
  /// To be proposed at the end of the batch, in order of arrival.
  private(set) var queued: [WriteRequest] = []
  /// Wait until no split is pending, in order of arrival; all arrived before those of `queued`.
  private(set) var parked: [WriteRequest] = []
  /// Bytes of `parked`: part of what the shard's peers have accepted and not applied.
  private(set) var parkedBytes: UInt64 = 0
  /// The peer's part of `ShardContext.unappliedBytes`.
  var countedBytes: UInt64 = 0

  var isEmpty: Bool { queued.isEmpty && parked.isEmpty }

  mutating func add(_ request: WriteRequest) { queued.append(request) }

  /// Takes out those to be proposed now.
  mutating func takeQueued() -> [WriteRequest] {
    let taken = queued
    queued.removeAll(keepingCapacity: true)
    return taken
  }

  /// Keeps a write until `releaseParked`.
  mutating func park(_ request: WriteRequest) {
    parked.append(request)
    parkedBytes += UInt64(request.requests.bytes.count)
  }

  /// What waited is to be proposed, in front of what arrived later.
  mutating func releaseParked() {
    if parked.isEmpty { return }
    queued = parked + queued
    parked = []
    parkedBytes = 0
  }

  /// Responds to all, in order.
  mutating func failAll(_ error: RegionError) {
    releaseParked()
    for request in takeQueued() { request.completion(.failure(error)) }
  }
}
