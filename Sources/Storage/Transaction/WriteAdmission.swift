import Synchronization

/// Bounds the write commands in progress, in number and in bytes. Any thread may call.
final class WriteAdmission: Sendable {
  private let count = Atomic(0)
  private let bytes = Atomic(0)
  private let maxCount: Int
  private let maxBytes: Int

  init(maxCount: Int, maxBytes: Int) {
    self.maxCount = maxCount
    self.maxBytes = maxBytes
  }

  /// Admits a command; `leave` must follow. False if too many are in progress. One that is larger than the bound is
  /// admitted when it is alone.
  func enter(_ size: Int) -> Bool {
    let count = count.add(1, ordering: .relaxed).newValue
    let bytes = bytes.add(size, ordering: .relaxed).newValue
    if count == 1 || count <= maxCount && bytes <= maxBytes { return true }
    leave(size)
    return false
  }

  /// Admits a command in any case; `leave` must follow.
  func enterAlways(_ size: Int) {
    count.add(1, ordering: .relaxed)
    bytes.add(size, ordering: .relaxed)
  }

  /// The command has ended.
  func leave(_ size: Int) {
    count.subtract(1, ordering: .relaxed)
    bytes.subtract(size, ordering: .relaxed)
  }

  /// The commands in progress, and their bytes.
  var pending: (count: Int, bytes: Int) {
    (count.load(ordering: .relaxed), bytes.load(ordering: .relaxed))
  }
}
