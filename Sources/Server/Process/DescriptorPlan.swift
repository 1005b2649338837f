/// How a process divides its file descriptors between databases and connections, so that many connections
/// cannot keep a database from opening files.
package struct DescriptorPlan: Sendable, Hashable {
  /// The process's limit, which the parts together do not exceed.
  package let limit: Int
  /// Table files that each database may keep open, in the order of the initializer's parameter.
  package let tables: [Int]
  /// The most connections to the RPC port.
  package let connections: Int
  /// The most connections to the status port.
  package let statusConnections: Int
  /// Everything else: event loops, listeners, outgoing connections, snapshots, and other files of databases.
  package let reserve: Int

  /// RocksDB's minimum.
  private static let fewestTables = 20
  private static let fewestConnections = 16
  private static let mostConnections = 16_384
  /// Logs, manifest, directories, and the outputs of flushes and compactions of one database.
  private static let sideFiles = 24
  /// Standard streams, locks, listeners, snapshot files, and files that are open briefly.
  private static let ownFiles = 40
  /// An epoll instance, an event and a timer descriptor, and one to spare.
  private static let filesPerLoop = 4

  /// Throws if the limit is too low for the databases and a few connections.
  ///
  /// - Parameters:
  ///   - limit: the process's limit of descriptors.
  ///   - wanted: table files that each database should keep open if the limit allows it.
  ///   - eventLoops: at least 1.
  package init(limit: Int, tables wanted: [Int], eventLoops: Int) throws(StartError) {
    let status = min(max(limit / 16, 8), 128)
    let links = min(max(limit / 10, 16), 256)
    let (loopFiles, isTooMany) = eventLoops.multipliedReportingOverflow(by: Self.filesPerLoop)
    let reserve =
      Self.ownFiles + (isTooMany ? .max / 2 : loopFiles) + links + Self.sideFiles * wanted.count
    let floor = Self.fewestTables * wanted.count
    let rest = limit - reserve - status
    guard rest >= floor + Self.fewestConnections else {
      let least = limit + floor + Self.fewestConnections - rest
      throw StartError(
        "file descriptor limit \(limit) is too low: about \(least) are "
          + "needed; raise the limit (ulimit -n)")
    }
    self.limit = limit
    statusConnections = status
    self.reserve = reserve
    tables = Self.divide(max(rest / 2, floor), wanted)
    connections = min(rest - tables.reduce(0, +), Self.mostConnections)
  }

  /// Gives each database the wanted number, or if there are too few, a proportional share.
  private static func divide(_ total: Int, _ wanted: [Int]) -> [Int] {
    let sum = wanted.reduce(0) { $0 + max($1, fewestTables) }
    guard sum > total else { return wanted.map { max($0, fewestTables) } }
    let spare = total - fewestTables * wanted.count
    let extra = wanted.map { max($0 - fewestTables, 0) }
    let all = extra.reduce(0, +)
    return extra.map {
      fewestTables + (all == 0 ? 0 : Int(Double(spare) * Double($0) / Double(all)))
    }
  }
}
