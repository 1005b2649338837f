import Codec
import Engine

/// Names of snapshot files in their directory: `gen_<region>_<term>_<index>_default.sst` and so on, the second file
/// of a family `…_default_0001.sst`, as TiKV names them; with `.tmp` behind them while they are written.
enum SnapshotName {
  static let temporarySuffix = ".tmp"
  private static let metaSuffix = ".meta"
  private static let dataSuffix = ".sst"

  /// What all names of one snapshot begin with.
  static func base(_ set: SnapshotFileSet) -> String { "\(set.origin.rawValue)_\(set.key)" }

  /// The name of a family's file; its files are numbered from 0 on.
  static func data(_ set: SnapshotFileSet, _ family: ColumnFamily, _ number: Int = 0) -> String {
    if number == 0 { return "\(base(set))_\(family.name).sst" }
    return "\(base(set))_\(family.name)_\(suffix(number)).sst"
  }

  /// A file's number, with four digits at least.
  private static func suffix(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  static func meta(_ set: SnapshotFileSet) -> String { "\(base(set)).meta" }

  /// The snapshot a file belongs to; nil for names that are none of ours.
  static func parse(_ name: String) -> SnapshotFileSet? {
    var stem = name[...]
    if stem.hasSuffix(temporarySuffix) { stem = stem.dropLast(temporarySuffix.count) }
    let parts = stem.split(separator: "_", omittingEmptySubsequences: false)
    guard let first = parts.first, let origin = SnapshotOrigin(rawValue: String(first)) else {
      return nil
    }
    let last: Substring
    if parts.count == 4 {
      guard parts[3].hasSuffix(metaSuffix) else { return nil }
      last = parts[3].dropLast(metaSuffix.count)
    } else {
      guard parts.count == 5 || parts.count == 6, parts[parts.count - 1].hasSuffix(dataSuffix),
        ColumnFamily.data.contains(where: {
          parts[4] == (parts.count == 5 ? "\($0.name)\(dataSuffix)" : $0.name)
        })
      else { return nil }
      last = parts[3]
      if parts.count == 6 {
        guard let count = Int(parts[5].dropLast(dataSuffix.count)), count > 0,
          parts[5] == suffix(count) + dataSuffix
        else { return nil }
      }
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
