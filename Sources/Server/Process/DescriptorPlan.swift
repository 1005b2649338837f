/// How a process divides the files and sockets it may have open: what the databases keep open and what
/// clients may connect never meet, so that a crowd of connections cannot keep a database from its files.
package struct DescriptorPlan: Sendable, Hashable {
  /// The system's limit, which the parts together do not exceed.
  package let limit: Int
  /// Table files each database keeps open, in the order asked for.
  package let tables: [Int]
  /// Connections to the RPC port.
  package let connections: Int
  /// Connections to the status port.
  package let statusConnections: Int
  /// Everything else: event loops, listeners, connections to others, snapshots, and what databases open
  /// beside their tables.
  package let reserve: Int

  /// RocksDB takes no smaller number of table files.
  private static let fewestTables = 20
  private static let fewestConnections = 16
  private static let mostConnections = 16_384
  /// Logs, manifest, directories, and the outputs of flushes and compactions of one database.
  private static let sideFiles = 24
  /// Standard streams, locks, listeners, snapshot files, what is read for a moment.
  private static let ownFiles = 40
  /// An epoll instance, an event and a timer descriptor, and one to spare.
  private static let filesPerLoop = 4

  /// - Parameters:
  ///   - limit: descriptors the process may have.
  ///   - wanted: table files each of its databases would like to keep open.
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

  /// Gives each what it would like, or its share.
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
