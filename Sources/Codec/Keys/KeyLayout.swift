package import Protobuf

extension [UInt8] {
  /// Adds eight bytes, the highest first, so that byte order is number order.
  package mutating func appendBigEndian(_ value: UInt64) {
    var shift: UInt64 = 64
    while shift > 0 {
      shift -= 8
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// The number in the eight bytes at `offset`, which must be there.
  package func bigEndian(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && count - offset >= 8, "a number reaches beyond its bytes")
    var value: UInt64 = 0
    for position in offset..<offset + 8 { value = value << 8 | UInt64(self[position]) }
    return value
  }
}

/// The keys of a store's own records in the engine: TiKV's layout.
///
/// All of them live in the `raft` column family. User data is stored under the user's key as it is, in `default`,
/// `lock` and `write`; so the two never meet. Log entries and raft states are in the raft log, under keys of its
/// own. Numbers in keys are eight bytes, big-endian.
///
///     01 01                       store identity
///     01 04                       how often the store was started
///     01 02                       region prepared by a bootstrap that may not be finished
///     01 02 region 03             apply state
///     01 02 region 04             raft state of a snapshot that is being applied
///     01 03 region 01             region state
///     01 02 region 05             epoch of the region that the last snapshot has brought
///     01 05 region                why the region's peer is fenced
package enum KeyLayout {
  private static let localPrefix: UInt8 = 0x01
  private static let raftPrefix: UInt8 = 0x02
  private static let regionPrefix: UInt8 = 0x03
  private static let damagePrefix: UInt8 = 0x05

  private static let applyStateSuffix: UInt8 = 0x03
  private static let snapshotRaftStateSuffix: UInt8 = 0x04
  private static let regionStateSuffix: UInt8 = 0x01
  private static let installedEpochSuffix: UInt8 = 0x05

  /// Every record of the store itself.
  package static let localRange = KeyRange(start: [localPrefix], end: [localPrefix + 1])
  package static let storeIdent: [UInt8] = [localPrefix, 0x01]
  package static let prepareBootstrap: [UInt8] = [localPrefix, 0x02]
  /// Eight bytes, big-endian: the store's incarnation. Not TiKV's; its local keys end with 03.
  package static let storeIncarnation: [UInt8] = [localPrefix, 0x04]

  // MARK: One region's states

  /// Key of a region's `ApplyState`.
  package static func applyState(regionID: UInt64) -> [UInt8] {
    key(raftPrefix, regionID, applyStateSuffix)
  }

  /// Key of the raft state that takes force when a received snapshot has been applied.
  package static func snapshotRaftState(regionID: UInt64) -> [UInt8] {
    key(raftPrefix, regionID, snapshotRaftStateSuffix)
  }

  /// Key of the `RegionEpoch` that the last received snapshot has brought; no record: none was received. Not TiKV's.
  package static func installedEpoch(regionID: UInt64) -> [UInt8] {
    key(raftPrefix, regionID, installedEpochSuffix)
  }

  /// Key of the `PeerDamage` of a region's peer. Not TiKV's.
  package static func damage(regionID: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [localPrefix, damagePrefix]
    bytes.appendBigEndian(regionID)
    return bytes
  }

  /// The records of all damaged peers.
  package static let damageRange = KeyRange(
    start: [localPrefix, damagePrefix], end: [localPrefix, damagePrefix + 1])

  /// The region of a damage record's key.
  package static func decodeDamage(_ key: [UInt8]) throws(CodecError) -> UInt64 {
    guard key.count == 10, key[0] == localPrefix, key[1] == damagePrefix else {
      throw CodecError(.malformed, "damage key \(key.hex)")
    }
    return key.bigEndian(at: 2)
  }

  // MARK: Region states

  /// The states of all regions, in the order of their ids.
  package static let regionStateRange = KeyRange(
    start: [localPrefix, regionPrefix], end: [localPrefix, regionPrefix + 1])

  /// Key of a region's `RegionLocalState`.
  package static func regionState(regionID: UInt64) -> [UInt8] {
    key(regionPrefix, regionID, regionStateSuffix)
  }

  /// The region of a region state's key.
  package static func decodeRegionState(_ key: [UInt8]) throws(CodecError) -> UInt64 {
    guard key.count == 11, key[0] == localPrefix, key[1] == regionPrefix,
      key[10] == regionStateSuffix
    else { throw CodecError(.malformed, "region state key \(key.hex)") }
    return key.bigEndian(at: 2)
  }

  private static func key(_ prefix: UInt8, _ regionID: UInt64, _ suffix: UInt8) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(11)
    bytes.append(localPrefix)
    bytes.append(prefix)
    bytes.appendBigEndian(regionID)
    bytes.append(suffix)
    return bytes
  }
}
