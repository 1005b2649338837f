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
  static let services = key("gc/service/")

  static func store(_ id: UInt64) -> [UInt8] { stores + bigEndian(id) }
  /// The store at whose address store `id` registered.
  static func claim(_ id: UInt64) -> [UInt8] { claims + bigEndian(id) }
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

  private static func key(_ name: String) -> [UInt8] { prefix + Array(name.utf8) }
}
