import Raft
package import RaftLog
import Runtime

/// Reads, checks, repairs and converts the raft log of a data directory that no process uses. The directory is locked as
/// long as the object lives.
package final class RaftLogTool {
  /// Why an operation failed. Nothing that was durable is lost.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
      self.description = description
    }
  }

  private let directory: DataDirectory
  private var identity: DataIdentityFile
  private let files = SystemFileSystem()

  /// The store of the log.
  package var engine: LogEngine { identity.identity.logEngine }
  /// The log's directory.
  package var path: String { path(of: engine) }

  /// Locks the directory. Throws if there is none, another process uses it, or it is not that of a store of a cluster.
  package init(dataDirectory: String) throws(Failure) {
    do {
      guard try files.exists(dataDirectory) else {
        throw Failure("there is no data directory \(dataDirectory)")
      }
      directory = try DataDirectory(dataDirectory, files: files)
      identity = try DataIdentityFile(directory, role: .store, files: files)
      let path = dataDirectory + "/" + identity.identity.logEngine.directoryName
      guard try files.exists(path) else { throw Failure("there is no raft log in \(path)") }
    } catch {
      throw error as? Failure ?? Failure("\(error)")
    }
  }

  private func path(of engine: LogEngine) -> String {
    directory.path + "/" + engine.directoryName
  }

  private func open(_ access: LogEngineOptions.Access) throws(Failure) -> (
    any RaftLogStore, [String]
  ) {
    var options = LogEngineOptions(files: files)
    options.access = access
    options.createIfMissing = false
    do throws(LogStoreError) {
      let (store, warnings) = try engine.open(path, options)
      return (store, warnings)
    } catch {
      throw Failure("cannot open the raft log in \(path): \(error)")
    }
  }

  private func performing<R>(_ body: () throws(LogStoreError) -> R) throws(Failure) -> R {
    do throws(LogStoreError) {
      return try body()
    } catch {
      throw Failure("\(path): \(error)")
    }
  }

  // MARK: Reading

  /// The figures of the log as a whole and of each region.
  package func statistics() throws(Failure) -> RaftLogStatistics {
    let (store, warnings) = try open(.readOnly)
    return try performing { () throws(LogStoreError) in
      var found = RaftLogStatistics(engine: engine.rawValue, path: path)
      let owner = try store.identity()
      found.clusterID = owner?.clusterID ?? 0
      found.storeID = owner?.storeID ?? 0
      found.bytes = try store.usedBytes()
      found.warnings = warnings
      found.regions = store.regions().map { .init($0, store) }
      try store.close()
      return found
    }
  }

  /// Writes the state and the entries of regions as text, a line each.
  ///
  /// - Parameters:
  ///   - region: only this one; nil: all.
  ///   - indexes: only entries with these indexes.
  ///   - showsData: whether the data of an entry is shown, in hexadecimal.
  package func dump(
    region: UInt64?, indexes: ClosedRange<UInt64>, showsData: Bool, _ output: (String) -> Void
  ) throws(Failure) {
    let (store, _) = try open(.readOnly)
    try performing { () throws(LogStoreError) in
      for id in store.regions() where region == nil || region == id {
        output(RaftLogStatistics.Region(id, store).text)
        if let reason = store.damage(of: id) {
          output("  damaged: \(reason)")
          continue
        }
        try store.scan(id, from: [], to: nil) { key, value in
          output("  key \(Self.hex(key)) value \(Self.hex(value))")
          return true
        }
        try dumpEntries(id, indexes, showsData, store, output)
      }
      try store.close()
    }
  }

  private func dumpEntries(
    _ region: UInt64, _ indexes: ClosedRange<UInt64>, _ showsData: Bool, _ store: any RaftLogStore,
    _ output: (String) -> Void
  ) throws(LogStoreError) {
    var next = max(store.firstIndex(region), indexes.lowerBound)
    let last = min(store.lastIndex(region), indexes.upperBound)
    while next <= last {
      let entries = try store.entries(region, from: next, to: last + 1, maxBytes: 1 << 20)
      for entry in entries {
        let data = showsData ? " data \(Self.hex(entry.data))" : ""
        output(
          "  entry \(entry.index) term \(entry.term) \(entry.type) bytes \(entry.data.count)" + data
        )
      }
      next += UInt64(entries.count)
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Reads everything. Throws if something is damaged.
  package func verify() throws(Failure) {
    let (store, _) = try open(.readOnly)
    try performing { () throws(LogStoreError) in
      try Self.check(store)
      try store.close()
    }
  }

  private static func check(_ store: any RaftLogStore) throws(LogStoreError) {
    for region in store.regions() {
      if let reason = store.damage(of: region) {
        throw .corrupted(location: "region \(region)", reason: reason)
      }
    }
    try store.verify(deep: true)
  }

  // MARK: Changing

  /// Opens the log in a way that survives damage, so that the store starts: what is readable of damaged files is moved to
  /// others. Returns what was found, and the regions whose replicas have to be replaced with the reason. The store reports
  /// them when it starts, and the placement driver replaces them.
  package func repair() throws(Failure) -> (
    warnings: [String], damaged: [(region: UInt64, reason: String)]
  ) {
    let (store, warnings) = try open(.salvage)
    return try performing { () throws(LogStoreError) in
      let damaged = store.regions().compactMap { region in
        store.damage(of: region).map { (region: region, reason: $0) }
      }
      try store.close()
      return (warnings, damaged)
    }
  }

  /// The values of `raftstore.log-engine`.
  package static let engineNames = LogEngine.allCases.map(\.rawValue)

  /// As `convert(to:)`, for the name of an engine.
  package func convert(toEngine name: String, progress: (String) -> Void) throws(Failure) {
    guard let target = LogEngine(rawValue: name) else {
      throw Failure(
        "there is no log engine \(name); expected \(Self.engineNames.joined(separator: ", "))")
    }
    try convert(to: target, progress: progress)
  }

  /// Copies the log to another engine, compares the copy with it, and makes the copy the log.
  ///
  /// The data directory's identity file names the engine, and is replaced atomically: after a crash the log is either the
  /// old one or the complete copy. What a crash has left of the other one is removed by the next conversion.
  ///
  /// - Parameter progress: takes lines about what is done.
  package func convert(to target: LogEngine, progress: (String) -> Void) throws(Failure) {
    guard target != engine else {
      throw Failure("the raft log in \(directory.path) is of log engine \(target.rawValue) already")
    }
    let old = path
    let (new, unfinished) = (path(of: target), path(of: target) + ".new")
    let (source, _) = try open(.readOnly)
    try changing("remove what an interrupted conversion has left") { () throws(FileSystemError) in
      try files.removeTree(unfinished)
      try files.removeTree(new)
    }
    progress("copying \(source.regions().count) regions from \(old)")
    try copy(source, to: target, unfinished)
    progress("comparing")
    try compare(source, with: target, unfinished)
    try performing { () throws(LogStoreError) in try source.close() }
    try changing("rename \(unfinished)") { () throws(FileSystemError) in
      try files.rename(unfinished, to: new)
      try files.syncDirectory(directory.path)
    }
    do throws(StartError) {
      try identity.record(logEngine: target)
    } catch {
      throw Failure("\(error)")
    }
    progress("the raft log is in \(new); removing \(old)")
    try changing("remove \(old), which is no longer used") { () throws(FileSystemError) in
      try files.removeTree(old)
      try files.syncDirectory(directory.path)
    }
  }

  private func copy(
    _ source: any RaftLogStore, to target: LogEngine, _ path: String
  ) throws(Failure) {
    try performing { () throws(LogStoreError) in
      var options = LogEngineOptions(files: files)
      var generator = SystemRandomNumberGenerator()
      options.seed = generator.next()
      let store = try target.open(path, options).store
      try LogCopy.copy(source, to: store)
      try store.close()
    }
  }

  private func compare(
    _ source: any RaftLogStore, with target: LogEngine, _ path: String
  ) throws(Failure) {
    let difference = try performing { () throws(LogStoreError) in
      var options = LogEngineOptions(files: files)
      options.access = .readOnly
      let store = try target.open(path, options).store
      try Self.check(store)
      let difference = try LogCopy.difference(source, store)
      try store.close()
      return difference
    }
    if let difference { throw Failure("the copy in \(path) is not equal: \(difference)") }
  }

  private func changing(
    _ operation: String, _ body: () throws(FileSystemError) -> Void
  ) throws(Failure) {
    do throws(FileSystemError) {
      try body()
    } catch {
      throw Failure("cannot \(operation): \(error)")
    }
  }
}

/// The figures of a raft log.
package struct RaftLogStatistics: Encodable, Sendable {
  /// The figures of one region's log.
  package struct Region: Encodable, Sendable {
    package var region: UInt64
    /// Of the first entry; one above `last` if there is none.
    package var first: UInt64
    package var last: UInt64
    package var truncatedTerm: UInt64
    package var term: UInt64
    package var vote: UInt64
    package var commit: UInt64
    /// Why it cannot be relied on; nil if it can.
    package var damage: String?

    init(_ region: UInt64, _ store: any RaftLogStore) {
      let state = store.hardState(region)
      self.region = region
      first = store.firstIndex(region)
      last = store.lastIndex(region)
      truncatedTerm = store.truncated(region).term
      (term, vote, commit) = (state.term, state.vote, state.commit)
      damage = store.damage(of: region)
    }

    package var text: String {
      "region \(region) first \(first) last \(last) truncated \(first - 1) of term \(truncatedTerm) "
        + "term \(term) vote \(vote) commit \(commit)"
    }
  }

  package var engine: String
  package var path: String
  package var clusterID: UInt64 = 0
  package var storeID: UInt64 = 0
  /// On disk.
  package var bytes: UInt64 = 0
  package var regions: [Region] = []
  package var warnings: [String] = []

  /// Of all regions.
  package var entries: UInt64 { regions.reduce(0) { $0 + ($1.last + 1 - $1.first) } }
}
