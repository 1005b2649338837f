/// The key layout of PD's state, all in the `raft` family under one prefix, so that it can use an
/// engine of its own or share a store's.
enum PDKeys {
  static let prefix = Array("pd/".utf8)

  static let clusterID = key("cluster_id")
  /// The end of the last block of ids.
  static let idEnd = key("id_end")
  /// Milliseconds below which timestamps may have been given.
  static let timestampEnd = key("tso_end")
  /// Present once the cluster is bootstrapped: `metapb.Cluster`.
  static let cluster = key("cluster")
  static let gcSafePoint = key("gc/safe_point")
  static let txnSafePoint = key("gc/txn_safe_point")

  static let stores = key("s/")
  static let regions = key("r/")
  static let claims = key("c/")
  static let weights = key("w/")
  static let removedStores = key("gone/")
  static let limits = key("l/")
  static let settings = key("config/")
  static let schedulers = key("scheduler/")
  static let services = key("gc/service/")

  static func store(_ id: UInt64) -> [UInt8] { stores + bigEndian(id) }
  /// The store at whose address store `id` registered.
  static func claim(_ id: UInt64) -> [UInt8] { claims + bigEndian(id) }
  /// Present for a tombstone whose record was removed, without a value.
  static func removedStore(_ id: UInt64) -> [UInt8] { removedStores + bigEndian(id) }
  /// Bits of a store's leader weight and region weight.
  static func weight(_ id: UInt64) -> [UInt8] { weights + bigEndian(id) }
  /// Bits of a store's limits, add-peer first; not a number where the configured limit holds.
  static func limit(_ id: UInt64) -> [UInt8] { limits + bigEndian(id) }
  /// The text of a setting that was changed at run time.
  static func setting(_ name: String) -> [UInt8] { settings + Array(name.utf8) }
  /// The `SchedulerState` of a scheduler that was changed at run time.
  static func scheduler(_ name: String) -> [UInt8] { schedulers + Array(name.utf8) }
  static func region(_ id: UInt64) -> [UInt8] { regions + bigEndian(id) }
  static func service(_ id: [UInt8]) -> [UInt8] { services + id }

  /// The first key after all keys that begin with `prefix`.
  static func end(of prefix: [UInt8]) -> [UInt8] {
    // Every prefix here ends with a slash, so its last byte has a successor.
    var end = prefix
    end[end.count - 1] += 1
    return end
  }

  static func bigEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }

  static func integer(_ bytes: some Collection<UInt8>) -> UInt64? {
    guard bytes.count == 8 else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Two numbers by their bits.
  static func pair(_ first: Double, _ second: Double) -> [UInt8] {
    bigEndian(first.bitPattern) + bigEndian(second.bitPattern)
  }

  static func pair(_ bytes: [UInt8]) -> (Double, Double)? {
    guard bytes.count == 16, let first = integer(bytes[..<8]), let second = integer(bytes[8...])
    else { return nil }
    return (Double(bitPattern: first), Double(bitPattern: second))
  }

  private static func key(_ name: String) -> [UInt8] { prefix + Array(name.utf8) }
}
