/// A table of a region, whose rows have sequence numbers of their own.
package struct TableID: Sendable, Hashable, Comparable {
  package var region: UInt64
  package var table: UInt64

  package init(region: UInt64, table: UInt64) {
    self.region = region
    self.table = table
  }

  package static func < (a: TableID, b: TableID) -> Bool {
    (a.region, a.table) < (b.region, b.table)
  }
}

/// Keys and values of the table log: HoraeDB's WAL on RocksDB, to the byte, apart from the native key of metadata. Numbers
/// are big-endian.
///
/// | family | key | value |
/// |---|---|---|
/// | `twal` | `01 region8 table8 sequence8 00` | `00`, the row |
/// | `twal_meta` | `00 01 region8 table8 00` (ours: HoraeDB's key has no region) | `01 last8 flushed8` |
/// | HoraeDB's only family | `00 00 table8 00` | `00 sequence8` |
///
/// Before 2022-12 HoraeDB's keys had no table: `01 region8 sequence8 00`. Such a key is refused.
enum TableKeys {
  static let rows = "twal"
  static let metadata = "twal_meta"

  static let rowLength = 26
  static let oldRowLength = 18
  static let foreignMetadataLength = 11
  static let metadataLength = 19
  static let rowVersion: UInt8 = 0
  /// The version of values in `twal_meta`.
  static let metadataVersion: UInt8 = 1

  /// The bounds of all rows.
  static let firstRow: [UInt8] = [1]
  static let pastRows: [UInt8] = [2]
  static let firstMetadata: [UInt8] = [0, 1]
  static let pastMetadata: [UInt8] = [0, 2]

  static func row(_ id: TableID, _ sequence: UInt64) -> [UInt8] {
    table(id) + bytes(sequence) + [0]
  }

  /// Behind the row and before the next one; no number above it is needed.
  static func past(_ id: TableID, _ sequence: UInt64) -> [UInt8] { row(id, sequence) + [0] }

  /// The prefix of a table's rows.
  static func table(_ id: TableID) -> [UInt8] { region(id.region) + bytes(id.table) }

  /// The prefix of a region's rows.
  static func region(_ region: UInt64) -> [UInt8] { [1] + bytes(region) }

  static func metadata(_ id: TableID) -> [UInt8] {
    [0, 1] + bytes(id.region) + bytes(id.table) + [0]
  }

  static func value(_ row: [UInt8]) -> [UInt8] { [rowVersion] + row }

  static func value(last: UInt64, flushed: UInt64) -> [UInt8] {
    [metadataVersion] + bytes(last) + bytes(flushed)
  }

  // MARK: Reading

  /// The parts of a row's key; a reason if it is none.
  static func parse(
    _ key: [UInt8]
  ) -> Result<(id: TableID, sequence: UInt64), TableDefect> {
    guard key.first == 1 else {
      return .failure(TableDefect("a key of namespace \(key.first ?? 0)"))
    }
    if key.count == oldRowLength {
      return .failure(
        TableDefect("a key without a table, as HoraeDB wrote before 2022-12; upgrade it first"))
    }
    guard key.count == rowLength else {
      return .failure(TableDefect("a key of \(key.count) bytes"))
    }
    guard key[25] == rowVersion else {
      return .failure(TableDefect("a key of version \(key[25])", isNewer: true))
    }
    return .success(
      (TableID(region: number(key[1..<9]), table: number(key[9..<17])), number(key[17..<25])))
  }

  static func row(of value: [UInt8]) -> Result<[UInt8], TableDefect> {
    guard let version = value.first else { return .failure(TableDefect("an empty value")) }
    guard version == rowVersion else {
      return .failure(TableDefect("a value of version \(version)", isNewer: true))
    }
    return .success(Array(value.dropFirst()))
  }

  static func parseMetadata(
    _ key: [UInt8], _ value: [UInt8]
  ) -> Result<(id: TableID, last: UInt64, flushed: UInt64), TableDefect> {
    guard key.count == metadataLength, key[0] == 0, key[1] == 1 else {
      return .failure(TableDefect("a key that is none of metadata"))
    }
    guard key[18] == 0, value.first == metadataVersion else {
      return .failure(
        TableDefect("metadata of version \(key[18]), \(value.first ?? 0)", isNewer: true))
    }
    let (last, flushed) = (number(value.dropFirst().prefix(8)), number(value.dropFirst(9)))
    guard value.count == 17, flushed <= last else { return .failure(TableDefect("bad metadata")) }
    return .success(
      (TableID(region: number(key[2..<10]), table: number(key[10..<18])), last, flushed))
  }

  /// Of HoraeDB: the table and its last sequence.
  static func parseForeignMetadata(
    _ key: [UInt8], _ value: [UInt8]
  ) -> Result<(table: UInt64, last: UInt64), TableDefect> {
    guard key.count == foreignMetadataLength, key[0] == 0, key[1] == 0, value.count == 9 else {
      return .failure(TableDefect("a key that is none of metadata"))
    }
    guard key[10] == 0, value[0] == 0 else {
      return .failure(TableDefect("metadata of version \(key[10]), \(value[0])", isNewer: true))
    }
    return .success((number(key[2..<10]), number(value.dropFirst())))
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Why bytes of a table log are not what it writes.
struct TableDefect: Error {
  var reason: String
  /// Whether a newer version may have written them.
  var isNewer: Bool

  init(_ reason: String, isNewer: Bool = false) {
    self.reason = reason
    self.isNewer = isNewer
  }

  func error(_ path: String, _ key: [UInt8]) -> LogStoreError {
    let remedy =
      isNewer ? "; use the version that wrote it" : "; restore the database from a backup"
    return .corrupted(location: "\(path), table log, key \(key)", reason: reason + remedy)
  }
}

extension Result where Failure == TableDefect {
  /// The value; throws `corrupted` with the place otherwise.
  func get(_ path: String, _ key: [UInt8]) throws(LogStoreError) -> Success {
    switch self {
    case .success(let value): return value
    case .failure(let defect): throw defect.error(path, key)
    }
  }
}
