/// Keys of the log database; numbers are big-endian. Where TiKV has a key, it is TiKV's:
///
/// | key | holds |
/// |---|---|
/// | `01 01` | `StoreIdent` {cluster_id 1, store_id 2} |
/// | `01 10` | format version, a varint (ours) |
/// | `01 02 region8 01 index8` | one entry, `eraftpb.Entry` |
/// | `01 02 region8 02` | `RaftLocalState` {hard_state 1, last_index 2} |
/// | `01 02 region8 10` | where the log starts, `RaftTruncatedState` {index 1, term 2} (ours) |
/// | `01 02 region8 11 key` | an owner's key (ours) |
/// | `01 02 region8 12` | what a destroyed region has left (ours) |
enum LogKeys {
  static let identity: [UInt8] = [0x01, 0x01]
  static let format: [UInt8] = [0x01, 0x10]
  /// All regions lie in between.
  static let firstRegion: [UInt8] = [0x01, 0x02]
  static let pastRegions: [UInt8] = [0x01, 0x03]

  /// What a region's key is about.
  enum Suffix: UInt8 {
    case entry = 0x01
    case state = 0x02
    case truncated = 0x10
    case owned = 0x11
    case tombstone = 0x12
  }

  static func region(_ region: UInt64) -> [UInt8] {
    var key = firstRegion
    key.reserveCapacity(19)
    append(region, to: &key)
    return key
  }

  /// The first key that is not the region's any more.
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

  /// A region key taken apart: the region, what it is about, and what follows.
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
