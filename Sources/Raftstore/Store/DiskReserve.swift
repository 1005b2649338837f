import Synchronization

/// Whether the store's disk has capacity for more data.
///
/// A part of the disk is kept free: what is committed must still be applied, logs and files be
/// rewritten, and deletes be written, when clients have filled the rest. The store worker updates it,
/// raft workers read it.
final class DiskReserve: Sendable {
  /// Bytes kept free; nil: a part of the capacity.
  private let configured: UInt64?
  private let full = Atomic(false)

  /// Kept free where nothing is configured: a twentieth of the disk, but no more than this.
  private static let largestDefault: UInt64 = 1 << 30

  init(_ configured: UInt64?) {
    self.configured = configured
  }

  /// Whether writes that need space are refused.
  var isFull: Bool { full.load(ordering: .relaxed) }

  /// Bytes kept free on a disk of that capacity.
  func size(ofCapacity capacity: UInt64) -> UInt64 {
    configured ?? min(capacity / 20, Self.largestDefault)
  }

  /// Takes note of the free space. A disk that was full has capacity again once a tenth more than the
  /// reserve is free: else it would change with every file that comes and goes.
  ///
  /// - Returns: whether `isFull` has changed.
  func update(capacity: UInt64, available: UInt64) -> Bool {
    let reserve = size(ofCapacity: capacity)
    let wasFull = isFull
    let (more, overflow) = reserve.addingReportingOverflow(reserve / 10)
    let needed = wasFull ? (overflow ? .max : more) : reserve
    // A capacity of zero means that it is not known.
    let isFull = capacity > 0 && available < needed
    full.store(isFull, ordering: .relaxed)
    return isFull != wasFull
  }
}
