import Codec
import Engine
import PlacementDriver
import RaftLog
import Runtime

/// The identity file of a data directory. The process must hold the directory's lock.
struct DataIdentityFile {
  /// A larger file is malformed.
  private static let maxBytes = 4096

  private let directory: String
  private let files: any FileSystem
  /// The content of the file, or what it is going to be.
  private(set) var identity: DataIdentity
  private var isWritten: Bool

  private var path: String { directory + "/" + DataIdentity.fileName }

  /// Reads the identity, and throws for a directory of another role. Changes nothing.
  ///
  /// A directory without the file is new or was created by a version that wrote none; the databases in it show
  /// the role.
  init(
    _ directory: DataDirectory, role: DataIdentity.Role, files: any FileSystem
  ) throws(StartError) {
    self.directory = directory.path
    self.files = files
    identity = DataIdentity(role: role)
    isWritten = false
    guard let bytes = try Self.content(of: directory.path, files) else {
      try Self.checkLayout(of: directory.path, role: role, files)
      return
    }
    do throws(DataIdentity.Malformed) {
      guard bytes.count <= Self.maxBytes, let text = String(validating: bytes, as: UTF8.self) else {
        throw DataIdentity.Malformed(reason: "it is not an identity file")
      }
      identity = try DataIdentity(parsing: text)
    } catch {
      throw StartError(
        "\(path) cannot be used: \(error.reason); restore it, or choose another --data-dir")
    }
    guard identity.role == role else { throw Self.foreign(directory.path, identity.role, role) }
    isWritten = true
  }

  /// The file's first bytes; nil when there is no file.
  private static func content(
    of directory: String, _ files: any FileSystem
  ) throws(StartError) -> [UInt8]? {
    let path = directory + "/" + DataIdentity.fileName
    do throws(FileSystemError) {
      guard try files.exists(path) else { return nil }
      return try files.open(path).read(at: 0, upTo: maxBytes + 1)
    } catch {
      throw StartError("cannot read \(path): \(error)")
    }
  }

  private static func checkLayout(
    of directory: String, role: DataIdentity.Role, _ files: any FileSystem
  ) throws(StartError) {
    let (hasLogs, hasPD): (Bool, Bool)
    do throws(FileSystemError) {
      hasLogs = try files.exists(directory + "/raft")
      hasPD = try files.exists(directory + "/pd")
    } catch {
      throw StartError("cannot read data directory \(directory): \(error)")
    }
    if hasLogs, role != .store { throw foreign(directory, .store, role) }
    if hasPD, role != .standalone { throw foreign(directory, .standalone, role) }
  }

  /// Whether the databases must exist: they did when the file was written.
  var isBound: Bool { identity.clusterID != nil }

  /// Determines whether raw values include their expiry: as when the directory got its first data, otherwise as
  /// requested. It must be called before a database is opened. The error texts are TiKV's.
  mutating func settle(ttl: Bool) throws(StartError) {
    let hasData: Bool
    do throws(FileSystemError) {
      // The first versions wrote no file and had no TTL.
      hasData = isWritten ? isBound : try files.exists(directory + "/db")
    } catch {
      throw StartError("cannot read data directory \(directory): \(error)")
    }
    guard identity.hasTTL != ttl else { return }
    guard hasData else {
      identity.hasTTL = ttl
      isWritten = false
      return
    }
    throw StartError(
      ttl
        ? "can't enable ttl on a non-ttl instance: the values in \(directory) were written without expiry; start "
          + "it without --enable-ttl and storage.enable-ttl, or choose another --data-dir"
        : "can't disable ttl on a ttl instance: the values in \(directory) were written with their expiry; start "
          + "it with --enable-ttl, or choose another --data-dir")
  }

  /// Determines the store of the raft log: as in the directory, otherwise as requested. It must be called before the log
  /// is opened.
  mutating func settle(logEngine: LogEngine) throws(StartError) {
    let present = identity.logEngine
    guard present != logEngine else { return }
    let hasLog: Bool
    do throws(FileSystemError) {
      hasLog = isBound ? true : try files.exists(directory + "/" + present.directoryName)
    } catch {
      throw StartError("cannot read data directory \(directory): \(error)")
    }
    guard hasLog else {
      identity.logEngine = logEngine
      isWritten = false
      return
    }
    throw StartError(
      "the raft log in \(directory) is of log engine \(present.rawValue), not \(logEngine.rawValue): convert it with "
        + "apus ctl log convert --data-dir \(directory) --to \(logEngine.rawValue), or start with "
        + "raftstore.log-engine = \"\(present.rawValue)\"")
  }

  /// Makes another directory the raft log, atomically and durably: the log must be in it already.
  mutating func record(logEngine: LogEngine) throws(StartError) {
    identity.logEngine = logEngine
    isWritten = false
    try record()
  }

  /// Writes the role and, once the databases contain them, the ids. Durable when it returns.
  mutating func record(clusterID: UInt64? = nil, storeID: UInt64? = nil) throws(StartError) {
    var next = identity
    next.clusterID = clusterID ?? identity.clusterID
    next.storeID = storeID ?? identity.storeID
    guard next != identity || !isWritten else { return }
    do throws(FileSystemError) {
      let file = try files.create(path + ".tmp", exclusive: false)
      try file.append(Array(next.text.utf8))
      try file.sync()
      try files.rename(path + ".tmp", to: path)
      try files.syncDirectory(directory)
    } catch {
      throw StartError("cannot write \(path): \(error)")
    }
    identity = next
    isWritten = true
  }

  /// Throws for a database whose ids are not those of the file.
  ///
  /// - Parameter database: the path of the database.
  func check(
    _ database: String, clusterID: UInt64?, storeID: UInt64? = nil
  ) throws(StartError) {
    guard let expected = identity.clusterID else { return }
    guard let clusterID else { throw empty(database) }
    guard clusterID == expected, storeID == nil || storeID == identity.storeID else {
      let store = storeID.map { "store \($0) of " } ?? ""
      throw StartError(
        "the database in \(database) belongs to \(store)cluster \(clusterID), but \(path) names "
          + "\(owner): restore the directory as a whole")
    }
  }

  /// Throws for a database that a process of another role has written.
  func check(_ engine: any KVEngine) throws(StartError) {
    let (ident, pdCluster): ([UInt8]?, UInt64?)
    do {
      ident = try engine.get(.raft, KeyLayout.storeIdent)
      pdCluster = try PDCore.storedClusterID(in: engine)
    } catch {
      throw StartError("cannot read the database in \(engine.path): \(error)")
    }
    let role = identity.role
    if ident != nil, role != .store { throw Self.foreign(directory, .store, role) }
    if pdCluster != nil, role != .pd { throw Self.foreign(directory, .pd, role) }
  }

  /// The error for a database that is missing or empty although the file has its ids.
  func empty(_ database: String) -> StartError {
    StartError(
      "the database in \(database) is empty though \(path) names \(owner): "
        + "its files were removed or damaged; \(remedy)")
  }

  /// The remedy for lost or damaged data, for messages.
  var remedy: String {
    switch identity.role {
    case .pd, .standalone:
      "restore \(directory) from a backup, or move it away to start with no data"
    case .store:
      "restore \(directory) as a whole, or move it away to have the data replicated to a new store"
    }
  }

  private var owner: String {
    let cluster = "cluster \(identity.clusterID ?? 0)"
    return identity.storeID.map { "store \($0) of \(cluster)" } ?? cluster
  }

  /// The error for a directory that belongs to another role.
  static func foreign(
    _ directory: String, _ found: DataIdentity.Role, _ role: DataIdentity.Role
  ) -> StartError {
    StartError(
      "data directory \(directory) belongs to \(found.words), not to \(role.words)"
        + (found == .store && role == .standalone ? ": start it with --pd-endpoints, or" : ":")
        + " choose another --data-dir")
  }
}
