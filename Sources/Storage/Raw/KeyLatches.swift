import Codec
import Synchronization

/// Latches that exclude writes of a key while an update of it is in progress: the update reads the key and then writes
/// it, as compare-and-swap does.
///
/// Keys share latches by their hash. Writes hold a latch together; an update holds it exclusively, from before its read
/// until its write is complete. A request that waits for a latch blocks no thread. There is no deadlock: an update holds
/// one latch and waits for no other, and writes acquire theirs in ascending order.
///
/// One object serves all requests of a store. A write is complete when its completion is called. If its result is unknown
/// then, it can still be applied, but not between the read and the write of a later update: see `Storage.update`.
/// Any thread may call.
final class KeyLatches: Sendable {
  /// The latches of one write: ascending, without duplicates.
  enum Holding: Sendable, Hashable {
    case one(Int)
    case several([Int])
  }

  /// Bounds of all requests that wait for latches; further ones are refused.
  private static let maxWaiting = 16_384
  private static let maxWaitingBytes = 64 << 20

  /// The number of latches, a power of two.
  private static let count = 2048
  private static let all = Array(0..<count)

  private let latches: [KeyLatch]
  private let waiting = Atomic(0)
  private let waitingBytes = Atomic(0)

  init() {
    latches = Self.all.map { _ in KeyLatch() }
  }

  // MARK: Writes

  /// The latches of a write; a range needs all.
  static func holding(for mutations: [Mutation]) -> Holding {
    if mutations.count == 1, let index = index(of: mutations[0]) { return .one(index) }
    // One bit for each latch: a batch can have many more keys.
    var bits = [UInt64](repeating: 0, count: count / UInt64.bitWidth)
    for mutation in mutations {
      guard let index = index(of: mutation) else { return .several(all) }
      bits[index / UInt64.bitWidth] |= 1 << UInt64(index % UInt64.bitWidth)
    }
    var indices: [Int] = []
    for (position, word) in bits.enumerated() {
      var rest = word
      while rest != 0 {
        indices.append(position * UInt64.bitWidth + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return .several(indices)
  }

  /// Holds the latches of a write if none of them makes it wait; `release` must follow. Otherwise it holds none.
  func tryWrite(_ holding: Holding) -> Bool {
    switch holding {
    case .one(let index): return latches[index].tryWrite()
    case .several(let indices):
      for (position, index) in indices.enumerated() where !latches[index].tryWrite() {
        for held in indices[..<position] { latches[held].endWrite() }
        return false
      }
      return true
    }
  }

  /// Runs `body` when the latches of a write are held; `release` must follow.
  ///
  /// - Parameter bytes: about the memory of the write while it waits.
  /// - Returns: false if the bounds of waiting requests are reached; `body` does not run.
  func write(
    _ holding: Holding, bytes: Int, _ body: @escaping @Sendable () -> Void
  ) -> Bool {
    guard reserve(bytes) else { return false }
    let held: @Sendable () -> Void = { [self] in
      unreserve(bytes)
      body()
    }
    switch holding {
    case .one(let index): latches[index].write(held)
    case .several(let indices): acquire(indices[...], held)
    }
    return true
  }

  /// Acquires the latches of a write one after another.
  private func acquire(_ indices: ArraySlice<Int>, _ body: @escaping @Sendable () -> Void) {
    var rest = indices
    while let index = rest.popFirst() {
      if latches[index].tryWrite() { continue }
      latches[index].write { [self, rest] in acquire(rest, body) }
      return
    }
    body()
  }

  /// Releases the latches of a write that is complete.
  func release(_ holding: Holding) {
    switch holding {
    case .one(let index): latches[index].endWrite()
    case .several(let indices): for index in indices { latches[index].endWrite() }
    }
  }

  // MARK: Updates

  /// Runs `body` when no write and no other update of the key is in progress; `endUpdate(of:_:)` must follow.
  ///
  /// - Parameter bytes: about the memory of the update while it waits.
  /// - Returns: false if the bounds of waiting requests are reached; `body` does not run.
  func update(
    _ cf: DataCF, _ key: [UInt8], bytes: Int, _ body: @escaping @Sendable () -> Void
  ) -> Bool {
    let latch = latches[Self.index(cf, key)]
    // An update that need not wait is not refused because of others, which may wait for a region without a quorum.
    if latch.tryUpdate() {
      body()
      return true
    }
    guard reserve(bytes) else { return false }
    latch.update { [self] in
      unreserve(bytes)
      body()
    }
    return true
  }

  /// Releases the latch of an update that is complete.
  func endUpdate(of cf: DataCF, _ key: [UInt8]) { latches[Self.index(cf, key)].endUpdate() }

  // MARK: Common steps

  private func reserve(_ bytes: Int) -> Bool {
    let count = waiting.add(1, ordering: .relaxed).newValue
    let total = waitingBytes.add(bytes, ordering: .relaxed).newValue
    // A request above the bound is allowed if no other waits.
    if count == 1 || count <= Self.maxWaiting && total <= Self.maxWaitingBytes { return true }
    unreserve(bytes)
    return false
  }

  private func unreserve(_ bytes: Int) {
    waiting.subtract(1, ordering: .relaxed)
    waitingBytes.subtract(bytes, ordering: .relaxed)
  }

  /// The latch of a mutation; nil for a range.
  private static func index(of mutation: Mutation) -> Int? {
    switch mutation {
    case .put(let cf, let key, _), .delete(let cf, let key): index(cf, key)
    case .deleteRange: nil
    }
  }

  /// The latch of a key, by FNV-1a.
  static func index(_ cf: DataCF, _ key: [UInt8]) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(cf.rawValue)
    for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: hash ^ hash >> 32) & (count - 1)
  }
}
