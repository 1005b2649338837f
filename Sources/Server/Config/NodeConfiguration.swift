package import Logging
package import Raftstore

/// Everything that can be set about a store node: flags of `tikv-server`, and the keys of its file that
/// mean something here. Flags win over the file.
package struct NodeConfiguration: Sendable {
  /// Where the node listens for clients and other stores.
  package var address = HostPort(host: "127.0.0.1", port: 20160)
  /// Where others reach it; nil means `address`.
  package var advertisedAddress: HostPort?
  /// Where `/status`, `/metrics` and `/ready` are served; nil serves them nowhere.
  package var statusAddress: HostPort? = HostPort(host: "127.0.0.1", port: 20180)
  package var advertisedStatusAddress: HostPort?
  /// Empty: the node runs alone on an embedded placement driver.
  package var placementDriverEndpoints: [HostPort] = []
  package var dataDirectory = "./apus-data"
  package var labels: [Label] = []
  package var logLevel = Logger.Level.info
  package var raftstore = RaftstoreConfig()
  /// Bytes of the block cache; 0 lets the node choose by the machine's memory.
  package var blockCacheCapacity: UInt64 = 0
  /// Bytes of disk to report; 0 means the whole disk.
  package var capacity: UInt64 = 0
  package var eventLoops = 1
  /// How long a stopping node waits for its leaders to move away.
  package var gracefulShutdownTimeout: Duration = .seconds(20)
  package var security: SecurityConfiguration?

  /// A label of a store, for placement.
  package struct Label: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package init() {}

  /// What clients are told to connect to.
  package var publicAddress: HostPort { advertisedAddress ?? address }

  /// The first setting that cannot work, in words; nil when all are fine.
  package func problem() -> String? {
    if dataDirectory.isEmpty { return "data-dir must not be empty" }
    if publicAddress.host == "0.0.0.0" || publicAddress.host == "::" {
      return "advertise-addr must be an address others can reach, not \(publicAddress.host)"
    }
    if eventLoops < 1 { return "server.grpc-concurrency must be at least 1" }
    return raftstore.problem()
  }
}

/// Files of a node's identity; all are PEM.
package struct SecurityConfiguration: Sendable, Hashable {
  package var caPath: String
  package var certificatePath: String
  package var keyPath: String

  package init(caPath: String, certificatePath: String, keyPath: String) {
    self.caPath = caPath
    self.certificatePath = certificatePath
    self.keyPath = keyPath
  }
}

/// A host and a port, as written on a command line: `host:port`, `[v6]:port`, with or without `http://`.
package struct HostPort: Sendable, Hashable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Nil when the text is no address.
  package init?(_ text: String) {
    var rest = text[...]
    for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
    }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    guard let colon = rest.lastIndex(of: ":"),
      let port = Int(rest[rest.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = rest[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    if host.isEmpty || host.contains(" ") || host.contains("/") { return nil }
    self.init(host: String(host), port: port)
  }

  package var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
