package import RaftLog

/// The owner of a data directory: the role of the process that created it, and the cluster and store of its
/// databases. It is kept in a file beside the databases, so that neither a process of another role uses the
/// directory, nor one whose database was lost starts with an empty one.
package struct DataIdentity: Sendable, Hashable {
  /// The kind of process.
  package enum Role: String, Sendable {
    case pd, store, standalone

    /// For messages.
    var words: String {
      switch self {
      case .pd: "a placement driver"
      case .store: "a store of a cluster"
      case .standalone: "a stand-alone node"
      }
    }
  }

  /// Why a file is not an identity.
  package struct Malformed: Error, Sendable {
    package var reason: String
  }

  static let fileName = "APUS"
  /// The newest format that is read. It is increased when older versions must not use the directory: in format 2 raw
  /// values include their expiry, in format 3 the raft log is not in RocksDB; other directories are written in format 1.
  static let format: UInt64 = 3

  package var role: Role
  /// Nil until the databases contain it.
  package var clusterID: UInt64?
  /// Nil until the databases contain it, and for a placement driver.
  package var storeID: UInt64?
  /// Whether stored raw values include their expiry.
  package var hasTTL: Bool
  /// The store of the raft log. It determines which of the directories is the log.
  package var logEngine = LogEngine.rocksdb

  package init(
    role: Role, clusterID: UInt64? = nil, storeID: UInt64? = nil, hasTTL: Bool = false,
    logEngine: LogEngine = .rocksdb
  ) {
    self.role = role
    self.clusterID = clusterID
    self.storeID = storeID
    self.hasTTL = hasTTL
    self.logEngine = logEngine
  }

  private static func format(hasTTL: Bool, _ logEngine: LogEngine) -> UInt64 {
    logEngine != .rocksdb ? 3 : hasTTL ? 2 : 1
  }

  /// The text of the file: TOML whose values are strings.
  package var text: String {
    var lines = [
      "# What this directory holds. Written by apus; do not change or remove.",
      "format = \"\(Self.format(hasTTL: hasTTL, logEngine))\"", "role = \"\(role.rawValue)\"",
    ]
    if let clusterID { lines.append("cluster = \"\(clusterID)\"") }
    if let storeID { lines.append("store = \"\(storeID)\"") }
    if hasTTL { lines.append("ttl = \"true\"") }
    if logEngine != .rocksdb { lines.append("log-engine = \"\(logEngine.rawValue)\"") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Parses the text of a file. Unknown names are ignored.
  package init(parsing text: String) throws(Malformed) {
    var values: [Substring: Substring] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let parts = line.split(separator: " = ", maxSplits: 1)
      guard parts.count == 2, parts[1].count >= 2, parts[1].hasPrefix("\""),
        parts[1].hasSuffix("\"")
      else { throw Malformed(reason: "a line is not of the form name = \"value\"") }
      guard values.updateValue(parts[1].dropFirst().dropLast(), forKey: parts[0]) == nil else {
        throw Malformed(reason: "\(parts[0]) is given twice")
      }
    }
    func number(_ name: Substring) throws(Malformed) -> UInt64? {
      guard let value = values[name] else { return nil }
      guard let number = UInt64(value), number > 0 else {
        throw Malformed(reason: "\(name) is not a number above 0")
      }
      return number
    }
    guard let format = try number("format") else { throw Malformed(reason: "format is missing") }
    guard format <= Self.format else {
      throw Malformed(reason: "its format \(format) was written by a newer version of apus")
    }
    guard let role = values["role"].flatMap({ Role(rawValue: String($0)) }) else {
      throw Malformed(reason: "role is missing or unknown")
    }
    let ttl = values["ttl"]
    let logEngine = values["log-engine"].map { LogEngine(rawValue: String($0)) } ?? .rocksdb
    guard let logEngine else { throw Malformed(reason: "its log-engine is unknown") }
    guard ttl == nil || ttl == "true", format == Self.format(hasTTL: ttl != nil, logEngine) else {
      throw Malformed(reason: "format contradicts ttl or log-engine")
    }
    self.init(
      role: role, clusterID: try number("cluster"), storeID: try number("store"),
      hasTTL: ttl != nil, logEngine: logEngine)
  }
}
