/// Keys of dgraph's raftwal (its generation of 2016 to 2018), to the byte. Numbers are big-endian.
///
/// | key | bytes | value |
/// |---|---|---|
/// | `raftid` | 6 | the raft id, 8 bytes |
/// | id 8, `ss`, group 4 | 14 | `raftpb.Snapshot` |
/// | id 8, `hs`, group 4 | 14 | `raftpb.HardState` |
/// | id 8, group 4, term 8, index 8 | 28 | `raftpb.Entry` |
///
/// A record's kind follows from its length, so a group whose number reads as `ss` or `hs` is no other group's state.
enum RaftwalKeys {
  static let raftID: [UInt8] = Array("raftid".utf8)

  enum Kind: Sendable, Hashable {
    case raftID
    case snapshot(id: UInt64, group: UInt32)
    case hardState(id: UInt64, group: UInt32)
    case entry(id: UInt64, group: UInt32, term: UInt64, index: UInt64)
  }

  static func snapshot(_ id: UInt64, _ group: UInt32) -> [UInt8] { state(id, "ss", group) }
  static func hardState(_ id: UInt64, _ group: UInt32) -> [UInt8] { state(id, "hs", group) }

  static func entry(_ id: UInt64, _ group: UInt32, _ term: UInt64, _ index: UInt64) -> [UInt8] {
    var key: [UInt8] = []
    key.reserveCapacity(29)
    key.appendBigEndian(id)
    key.appendBigEndian(group)
    key.appendBigEndian(term)
    key.appendBigEndian(index)
    return key
  }

  /// The bound below which all entries of a group are. Keys of other kinds are in between for groups from `0x68730000`
  /// to `0x6873ffff` and from `0x73730000` to `0x7373ffff`.
  static func pastEntries(_ id: UInt64, _ group: UInt32) -> [UInt8] {
    entry(id, group, .max, .max) + [0]
  }

  private static func state(_ id: UInt64, _ kind: String, _ group: UInt32) -> [UInt8] {
    var key: [UInt8] = []
    key.appendBigEndian(id)
    key += Array(kind.utf8)
    key.appendBigEndian(group)
    return key
  }

  /// What a key is; nil if it is none of these.
  static func parse(_ key: [UInt8]) -> Kind? {
    switch key.count {
    case 6: return key == raftID ? .raftID : nil
    case 14:
      let (id, group) = (UInt64(bigEndian: key[..<8]), UInt32(bigEndian: key[10...]))
      switch String(decoding: key[8..<10], as: UTF8.self) {
      case "ss": return .snapshot(id: id, group: group)
      case "hs": return .hardState(id: id, group: group)
      default: return nil
      }
    case 28:
      return .entry(
        id: UInt64(bigEndian: key[..<8]), group: UInt32(bigEndian: key[8..<12]),
        term: UInt64(bigEndian: key[12..<20]), index: UInt64(bigEndian: key[20...]))
    default: return nil
    }
  }
}

/// Keys of what dgraph's raftwal does not have, in a column family of their own. Regions are big-endian.
///
/// | key | value |
/// |---|---|
/// | `01` | format version, 1 byte |
/// | `02` | `StoreIdent` |
/// | `03` region 8 | the region's group, 4 bytes, big-endian: it has a log, a hard state or keys |
/// | `04` region 8 | the tombstone of a destroyed region |
/// | `05` region 8, key | a value of the owner |
enum OrderedKVKeys {
  static let family = "apus"
  static let format: [UInt8] = [1]
  static let identity: [UInt8] = [2]
  static let firstRegion: [UInt8] = [3]
  static let pastRegions: [UInt8] = [4]
  static let pastTombstones: [UInt8] = [5]

  static func region(_ region: UInt64) -> [UInt8] { key(3, region) }
  static func tombstone(_ region: UInt64) -> [UInt8] { key(4, region) }
  static func owned(_ region: UInt64) -> [UInt8] { key(5, region) }

  /// The bound below which the owner's values of a region are.
  static func pastOwned(_ region: UInt64) -> [UInt8] { region == .max ? [6] : key(5, region + 1) }

  private static func key(_ kind: UInt8, _ region: UInt64) -> [UInt8] {
    var key = [kind]
    key.appendBigEndian(region)
    return key
  }
}

extension [UInt8] {
  mutating func appendBigEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}

extension FixedWidthInteger {
  /// The number in big-endian bytes; higher bytes than fit are dropped.
  init(bigEndian bytes: ArraySlice<UInt8>) {
    self = bytes.reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
  }
}
