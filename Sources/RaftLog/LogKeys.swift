/// Keys of the log database. Numbers are big-endian, so that entries are sorted by region and index. Keys that
/// TiKV has are TiKV's:
///
/// | key | holds |
/// |---|---|
/// | `01 01` | `StoreIdent` {cluster_id 1, store_id 2} |
/// | `01 10` | format version, a varint (ours) |
/// | `01 02 region8 01 index8` | one entry, `eraftpb.Entry` |
/// | `01 02 region8 02` | `RaftLocalState` {hard_state 1, last_index 2} |
/// | `01 02 region8 10` | the truncated state, `RaftTruncatedState` {index 1, term 2} (ours) |
/// | `01 02 region8 11 key` | a value of the owner (ours) |
/// | `01 02 region8 12` | the tombstone of a destroyed region (ours) |
enum LogKeys {
  static let identity: [UInt8] = [0x01, 0x01]
  static let format: [UInt8] = [0x01, 0x10]
  /// The bounds of the keys of all regions.
  static let firstRegion: [UInt8] = [0x01, 0x02]
  static let pastRegions: [UInt8] = [0x01, 0x03]

  /// The kind of a region's key.
  enum Suffix: UInt8 {
    case entry = 0x01
    case state = 0x02
    case truncated = 0x10
    case owned = 0x11
    case tombstone = 0x12
  }

  /// The prefix of all keys of a region, and so its lower bound.
  static func region(_ region: UInt64) -> [UInt8] {
    var key = firstRegion
    key.reserveCapacity(19)
    append(region, to: &key)
    return key
  }

  /// The upper bound of the keys of a region, exclusive.
  static func past(_ region: UInt64) -> [UInt8] {
    region == .max ? pastRegions : Self.region(region + 1)
  }

  static func of(_ region: UInt64, _ suffix: Suffix) -> [UInt8] {
    var key = Self.region(region)
    key.append(suffix.rawValue)
    return key
  }

  static func entry(_ region: UInt64, _ index: UInt64) -> [UInt8] {
    var key = of(region, .entry)
    append(index, to: &key)
    return key
  }

  static func owned(_ region: UInt64, _ key: [UInt8]) -> [UInt8] {
    of(region, .owned) + key
  }

  /// The parts of a region's key; nil if it is none. `rest` is the index of an entry or the key of the owner.
  static func parse(_ key: [UInt8]) -> (region: UInt64, suffix: Suffix, rest: ArraySlice<UInt8>)? {
    guard key.count >= 11, key.starts(with: firstRegion), let suffix = Suffix(rawValue: key[10])
    else { return nil }
    return (number(key[2..<10]), suffix, key[11...])
  }

  static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func append(_ value: UInt64, to key: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      key.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }
}
