import Glibc
package import Logging
package import RaftLog
package import Raftstore

/// The configuration of a store: flags of `tikv-server` and the keys of its file that apply here. Flags override
/// the file.
package struct NodeConfiguration: Sendable {
  /// The listen address for clients and other stores.
  package var address = HostPort(host: "127.0.0.1", port: 20160)
  /// The address that others are given; nil means `address`.
  package var advertisedAddress: HostPort?
  /// The listen address of the status port; nil for none.
  package var statusAddress: HostPort? = HostPort(host: "127.0.0.1", port: 20180)
  /// The status address that others are given; nil means `statusAddress`.
  package var advertisedStatusAddress: HostPort?
  /// The placement drivers; empty for a stand-alone store with an embedded one.
  package var pdEndpoints: [HostPort] = []
  package var dataDirectory = "./apus-data"
  /// Labels for placement, one of each key.
  package var labels: [Label] = []
  package var logLevel = Logger.Level.info
  package var raftstore = NodeConfiguration.raftstoreDefaults
  /// The store of raft logs. Fixed at the first start of a data directory, until `apus ctl log convert` changes it.
  package var logEngine = LogEngine.rocksdb
  package var snapshots = SnapshotLimits()
  /// The size of the block cache in bytes; 0 for 45 % of the memory of the machine or of the process's control
  /// group.
  package var blockCacheCapacity: UInt64 = 0
  /// The disk capacity to report, in bytes; 0 for the whole disk.
  package var capacity: UInt64 = 0
  /// Whether stored raw values include the time at which they expire. Fixed at the first start of a data directory, and
  /// the same on all stores of a cluster: the two formats of values cannot be distinguished.
  package var enablesTTL = false
  /// Threads that serve clients; raft messages and the status port have their own.
  package var eventLoops = 1
  /// The longest time a stopping store waits for the transfer of its leaders.
  package var gracefulShutdownTimeout: Duration = .seconds(20)
  /// Nil for plain text.
  package var security: SecurityConfiguration?

  /// Half of the cores, at most four, for each kind of worker: the others are for requests, the log and the engine.
  private static var raftstoreDefaults: RaftstoreConfig {
    var config = RaftstoreConfig()
    config.shards = min(4, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2))
    return config
  }

  /// A label of a store, for placement. Names and values follow TiKV's rules.
  package struct Label: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }

    /// Why the label is invalid; nil if it is valid. A key matches
    /// `[$]?[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?`, a value `[-A-Za-z0-9_./]*`.
    var problem: String? {
      func isLetter(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      }
      func isInner(_ byte: UInt8) -> Bool { isLetter(byte) || "-_./".utf8.contains(byte) }
      let name = Array(key.hasPrefix("$") ? key.utf8.dropFirst() : key.utf8[...])
      guard let first = name.first, let last = name.last, isLetter(first), isLetter(last),
        name.allSatisfy(isInner)
      else {
        return
          "invalid label key '\(key)': expected letters and digits, with any of -_./ between them"
      }
      guard value.utf8.allSatisfy(isInner) else {
        return "invalid value '\(value)' of label '\(key)': expected letters, digits and -_./ only"
      }
      return nil
    }

    /// One label of each key, in the order of the keys' first appearance. Of several the last one counts.
    package static func unique(_ labels: [Label]) -> [Label] {
      var result: [Label] = []
      for label in labels {
        if let place = result.firstIndex(where: { $0.key == label.key }) {
          result[place] = label
        } else {
          result.append(label)
        }
      }
      return result
    }
  }

  package init() {}

  /// The address for clients and other stores.
  package var publicAddress: HostPort { advertisedAddress ?? address }

  /// The first problem of the configuration, as a message; nil if it is valid.
  package func problem() -> String? {
    if dataDirectory.isEmpty { return "data-dir must not be empty" }
    if let problem = HostPort.problem(advertised: publicAddress, flag: "advertise-addr") {
      return problem
    }
    if advertisedAddress?.port == 0 { return "advertise-addr must name a port, not 0" }
    if let problem = statusProblem { return problem }
    if let problem = MessageSizes.problem(raftstore) { return problem }
    for rule in SettingRange.node {
      if let problem = rule.problem(self) { return problem }
    }
    for label in labels {
      if let problem = label.problem { return problem }
    }
    if let reserved = raftstore.disk.reservedSpace, capacity > 0, reserved >= capacity {
      return "storage.reserve-space must be less than raftstore.capacity, \(capacity) bytes"
    }
    return raftstore.problem()
  }

  private var statusProblem: String? {
    if let advertised = advertisedStatusAddress {
      if statusAddress == nil { return "advertise-status-addr needs a status-addr" }
      if advertised.port == 0 { return "advertise-status-addr must name a port, not 0" }
      if advertised == publicAddress {
        return "advertise-status-addr must not be the node's own address, \(advertised)"
      }
      return HostPort.problem(advertised: advertised, flag: "advertise-status-addr")
    }
    guard let statusAddress, statusAddress == address, address.port != 0 else { return nil }
    return "status-addr must not be the node's own address, \(address)"
  }

  /// The status address for others; nil without a status port. In place of an unspecified host it has that of
  /// `publicAddress`.
  package var publicStatusAddress: HostPort? {
    guard let status = advertisedStatusAddress ?? statusAddress else { return nil }
    return status.isUnspecified ? HostPort(host: publicAddress.host, port: status.port) : status
  }
}

/// The paths of the TLS files of a store; all are PEM.
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

/// A host and a port.
package struct HostPort: Sendable, Hashable, CustomStringConvertible {
  /// A name or an address; without brackets.
  package var host: String
  /// From 0 to 65,535.
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Parses `host:port` or `[v6]:port`, with or without `http://`. Nil for any other text, also with `https://`:
  /// TLS is not supported.
  package init?(_ text: String) {
    var rest = text[...]
    if rest.hasPrefix("http://") { rest = rest.dropFirst("http://".count) }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    guard let colon = rest.lastIndex(of: ":") else { return nil }
    let digits = rest[rest.index(after: colon)...]
    // Only ASCII digits, and no sign.
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
      port <= 65_535
    else { return nil }
    var host = rest[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy(Self.isHostByte) else {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  /// As `init(_:)`, but without a scheme: for addresses to listen on and to advertise.
  package init?(plain text: String) {
    guard !text.contains("://") else { return nil }
    self.init(text)
  }

  /// ASCII letters and digits, and the punctuation of names and addresses.
  private static func isHostByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || "-._:%".utf8.contains(byte)
  }

  /// Whether it stands for all interfaces of a machine, so that others cannot connect to it.
  package var isUnspecified: Bool {
    if host.contains(":") {
      var address = in6_addr()
      guard inet_pton(AF_INET6, host, &address) == 1 else { return false }
      // All zeros, or the 0.0.0.0 of version 4 in the form of version 6.
      let mapped: [UInt8] = .init(repeating: 0, count: 10) + [0xFF, 0xFF, 0, 0, 0, 0]
      return withUnsafeBytes(of: address) { bytes in
        bytes.allSatisfy { $0 == 0 } || bytes.elementsEqual(mapped)
      }
    }
    // `inet_aton` accepts short forms: `0` and `0.0` are all zeros, too.
    var address = in_addr()
    return inet_aton(host, &address) != 0 && address.s_addr == 0
  }

  /// Why the address cannot be advertised; nil if it can.
  static func problem(advertised address: HostPort, flag: String) -> String? {
    guard address.isUnspecified else { return nil }
    return
      "\(flag) must be an address that others can reach, not \(address.host): give the name or "
      + "address of this machine"
  }

  package var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
