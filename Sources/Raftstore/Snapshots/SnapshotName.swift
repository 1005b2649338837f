import Codec
import Engine

/// Names of snapshot files in their directory: `gen_<region>_<term>_<index>_default.sst` and so on,
/// with `.tmp` behind them while they are written.
enum SnapshotName {
  static let temporarySuffix = ".tmp"

  /// What all names of one snapshot begin with.
  static func base(_ set: SnapshotFileSet) -> String { "\(set.origin.rawValue)_\(set.key)" }

  static func data(_ set: SnapshotFileSet, _ family: ColumnFamily) -> String {
    "\(base(set))_\(family.name).sst"
  }

  static func meta(_ set: SnapshotFileSet) -> String { "\(base(set)).meta" }

  /// Every name a snapshot's files may have, the meta file's first: without it the others mean
  /// nothing, so they may follow at any time.
  static func all(_ set: SnapshotFileSet) -> [String] {
    let final = [meta(set)] + ColumnFamily.data.map { data(set, $0) }
    return final + final.map { $0 + temporarySuffix }
  }

  /// The snapshot a file belongs to; nil for names that are none of ours.
  static func parse(_ name: String) -> SnapshotFileSet? {
    var stem = name[...]
    if stem.hasSuffix(temporarySuffix) { stem = stem.dropLast(temporarySuffix.count) }
    let parts = stem.split(separator: "_", omittingEmptySubsequences: false)
    guard let first = parts.first, let origin = SnapshotOrigin(rawValue: String(first)) else {
      return nil
    }
    let last: Substring
    if parts.count == 5 {
      guard ColumnFamily.data.contains(where: { parts[4] == "\($0.name).sst" }) else { return nil }
      last = parts[3]
    } else {
      guard parts.count == 4, parts[3].hasSuffix(".meta") else { return nil }
      last = parts[3].dropLast(".meta".count)
    }
    guard let regionID = number(parts[1]), let term = number(parts[2]), let index = number(last)
    else { return nil }
    return SnapshotFileSet(
      key: SnapshotKey(regionID: regionID, term: term, index: index), origin: origin)
  }

  /// A number as we write it: no sign, no leading zero.
  private static func number(_ text: Substring) -> UInt64? {
    guard let number = UInt64(text), String(number) == text else { return nil }
    return number
  }
}
