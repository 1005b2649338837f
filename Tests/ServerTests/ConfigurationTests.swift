import Raftstore
import Runtime
import TestSupport
import Testing

@testable import Server

/// What a node's configuration may be: each number at the ends of its range and beyond, addresses, labels,
/// security.
@Suite struct ConfigurationTests {
  /// The ends of a setting's range and what lies just beyond, as a person would write them. Stated here
  /// once more, so that a range does not change by accident.
  private struct Ends {
    var inside: [String]
    var outside: [String]

    init(_ low: String, _ high: String, outside: String...) {
      inside = [low, high]
      self.outside = outside
    }
  }

  private static let ends: [String: Ends] = [
    "server.grpc-concurrency": Ends("1", "128", outside: "0", "129"),
    "server.graceful-shutdown-timeout": Ends("0s", "1h", outside: "1h1us", "3601s"),
    "storage.block-cache.capacity": Ends("1MiB", "64TiB", outside: "1", "1048575", "65TiB"),
    "storage.reserve-space": Ends("0", "1024PiB", outside: "1025PiB"),
    "raftstore.capacity": Ends("1MB", "1024PiB", outside: "1023KiB", "1025PiB"),
    "raftstore.raft-base-tick-interval": Ends(
      "10ms", "10s", outside: "0s", "0ms", "9.999ms", "1us", "10001ms", "1000000000s"),
    "raftstore.raft-heartbeat-ticks": Ends("1", "1000", outside: "0", "1001"),
    "raftstore.raft-election-timeout-ticks": Ends("2", "10000", outside: "0", "1", "10001"),
    "raftstore.raft-store-max-leader-lease": Ends("0s", "1h", outside: "1h1s"),
    "raftstore.raft-entry-max-size": Ends("1KB", "63MB", outside: "0", "1023", "64513KB"),
    "raftstore.raft-log-gc-tick-interval": Ends("100ms", "1d", outside: "0s", "99ms", "1d1s"),
    "raftstore.raft-log-gc-threshold": Ends("1", "1099511627776", outside: "0", "1099511627777"),
    "raftstore.raft-log-gc-count-limit": Ends("1", "1099511627776", outside: "0", "1099511627777"),
    "raftstore.raft-log-gc-size-limit": Ends("1KB", "64TiB", outside: "0", "1023", "65TiB"),
    "raftstore.pd-heartbeat-tick-interval": Ends("100ms", "24h", outside: "0s", "99ms", "25h"),
    "raftstore.pd-store-heartbeat-tick-interval": Ends(
      "100ms", "10s", outside: "0s", "99ms", "10001ms"),
    "raftstore.snap-mgr-gc-tick-interval": Ends("100ms", "24h", outside: "0s", "99ms", "25h"),
    "raftstore.snap-gc-timeout": Ends("1s", "365d", outside: "0s", "999ms", "366d"),
    "raftstore.peer-stale-state-check-interval": Ends("100ms", "1d", outside: "0s", "99ms", "2d"),
    "raftstore.max-leader-missing-duration": Ends("1s", "365d", outside: "0s", "999ms", "366d"),
    "raftstore.max-peer-down-duration": Ends("1s", "365d", outside: "0s", "999ms", "366d"),
    "raftstore.consistency-check-interval": Ends(
      "100ms", "365d", outside: "1ms", "99ms", "366d"),
    "raftstore.split-region-check-tick-interval": Ends(
      "100ms", "1d", outside: "0s", "99ms", "1d1s"),
    "raftstore.region-split-check-diff": Ends("1", "1PiB", outside: "0", "2PiB"),
    "coprocessor.region-split-size": Ends("1KiB", "1PiB", outside: "0", "1023", "2PiB"),
    "coprocessor.region-max-size": Ends("1KiB", "1PiB", outside: "0", "1023", "2PiB"),
    "coprocessor.region-split-keys": Ends(
      "1", "1125899906842624", outside: "0", "1125899906842625"),
    "coprocessor.region-max-keys": Ends(
      "1", "1125899906842624", outside: "0", "1125899906842625"),
    "raftstore.hibernate-timeout": Ends("0s", "1d", outside: "1d1s"),
    "raftstore.abnormal-leader-missing-duration": Ends(
      "1s", "365d", outside: "0s", "999ms", "366d"),
    "raftstore.store-pool-size": Ends("1", "64", outside: "0", "65"),
    "raftstore.apply-pool-size": Ends("1", "64", outside: "0", "65"),
    "raftstore.raft-log-compact-sync-interval": Ends("0s", "1h", outside: "1h1s"),
    "raftstore.snap-generator-pool-size": Ends("1", "16", outside: "0", "17"),
    "raftstore.max-snapshot-file-raw-size": Ends("1KiB", "1TiB", outside: "0", "1023", "2TiB"),
    "server.concurrent-send-snap-limit": Ends("1", "1024", outside: "0", "1025"),
    "server.concurrent-recv-snap-limit": Ends("1", "1024", outside: "0", "1025"),
    "server.snap-io-max-bytes-per-sec": Ends("1KiB", "1TiB", outside: "1", "1023", "2TiB"),
    "server.snap-max-total-size": Ends("1MiB", "1024PiB", outside: "1", "1023KiB", "1025PiB"),
    "raftstore.notify-capacity": Ends("16", "16777216", outside: "0", "15", "16777217"),
    "raftstore.region-compact-check-interval": Ends("100ms", "1d", outside: "0s", "99ms", "2d"),
    "raftstore.region-compact-check-step": Ends("1", "10000", outside: "0", "10001"),
    "raftstore.region-compact-min-tombstones": Ends(
      "1", "1099511627776", outside: "0", "1099511627777"),
    "raftstore.region-compact-tombstones-percent": Ends("1", "100", outside: "0", "101"),
    "raftstore.merge-check-tick-interval": Ends("100ms", "1d", outside: "0s", "99ms", "2d"),
    "raftstore.merge-max-log-gap": Ends("1", "1024", outside: "0", "1025"),
    "raftstore.follower-read-max-log-gap": Ends("0", "1099511627776", outside: "1099511627777"),
    "coprocessor.region-size-threshold-for-approximate": Ends(
      "1KiB", "1PiB", outside: "0", "1023", "2PiB"),
    "resolved-ts.advance-ts-interval": Ends("100ms", "1d", outside: "0s", "99ms", "1d1s"),
    "split.qps-threshold": Ends("1", "1099511627776", outside: "0", "1099511627777"),
    "split.byte-threshold": Ends("1KiB", "1PiB", outside: "0", "1023", "2PiB"),
    "split.region-cpu-overload-threshold-ratio": Ends(
      "0.01", "1000", outside: "0", "0.009", "1001"),
    "split.detect-times": Ends("1", "1000", outside: "0", "1001"),
    "split.sample-num": Ends("1", "1000", outside: "0", "1001"),
    "split.sample-threshold": Ends("1", "1000000", outside: "0", "1000001"),
    "split.split-balance-score": Ends("0", "1", outside: "1.01", "2"),
    "split.split-contained-score": Ends("0", "1", outside: "1.01", "2"),
  ]

  /// Malformed, or too large for anything.
  private static let garbage = [
    "", " ", "-1", "-1s", "-1MB", "abc", "1x", "1e400", "1e9", "inf", "nan", "0x10", "1.2.3", ".",
    "٣", "３s", "½MB", "9223372036854775808", "18446744073709551616", "99999999999999999999999",
    "18446744073709551615PiB", "99999999999999999999999s", "300y", "1s1s", "1m1h", "1 GB GB",
    "true",
    "1s\\n", "10ms;",
  ]

  private static let texts = [
    "log.level", "server.addr", "server.advertise-addr", "server.status-addr",
    "server.advertise-status-addr", "storage.data-dir", "storage.enable-ttl",
    "storage.api-version", "raftstore.right-derive-when-split", "raftstore.hibernate-regions",
    "resolved-ts.enable", "raftstore.log-engine",
  ]

  private func read(_ text: String) throws -> NodeConfiguration {
    var configuration = NodeConfiguration()
    var file = try ConfigurationFile(path: "x.toml", text: text)
    try file.apply(to: &configuration)
    return configuration
  }

  /// What keeps a node with that value from starting, be it seen in the file or later.
  private func problem(_ key: String, _ value: String, quoted: Bool = true) throws -> String? {
    let dot = try #require(key.lastIndex(of: "."))
    let literal = quoted ? "\"\(value)\"" : value
    do {
      let configuration = try read(
        "[\(key[..<dot])]\n\(key[key.index(after: dot)...]) = \(literal)\n")
      for rule in SettingRange.node {
        if let problem = rule.problem(configuration) { return problem }
      }
      return nil
    } catch let error as ConfigurationFile.Invalid {
      return error.description
    }
  }

  @Test("Every number of the file has a range")
  func everyNumberHasARange() {
    let keys = Set(ConfigurationFile.settings.keys).subtracting(Self.texts)
      .union(["storage.block-cache.capacity"])
    #expect(keys == Set(SettingRange.node.map(\.name)))
    #expect(keys == Set(Self.ends.keys))
    #expect(NodeConfiguration().problem() == nil)
  }

  @Test("Accepts the bounds of each range", arguments: ends.keys.sorted())
  func acceptsValuesInRange(key: String) throws {
    for value in try #require(Self.ends[key]).inside {
      let found = try problem(key, value)
      #expect(found == nil, "\(value)")
    }
  }

  @Test("Refuses values outside each range", arguments: ends.keys.sorted())
  func refusesValuesOutOfRange(key: String) throws {
    let rule = try #require(SettingRange.node.first { $0.name == key })
    for value in try #require(Self.ends[key]).outside {
      let found = try #require(try problem(key, value), "\(value)")
      #expect(found.contains(key) && found.contains(rule.words), "\(found)")
    }
    for value in Self.garbage {
      let found = try #require(try problem(key, value), "\(value)")
      #expect(found.contains(key), "\(found)")
    }
    for literal in ["-1", "-9223372036854775808", "1e400", "nan", "[]", "{}", "true"] {
      #expect(try problem(key, literal, quoted: false) != nil, "\(literal)")
    }
  }

  @Test("Zero selects the default of two settings")
  func zeroIsADefault() throws {
    #expect(try problem("storage.block-cache.capacity", "0") == nil)
    #expect(try problem("raftstore.capacity", "0") == nil)
  }

  @Test("Sizes of regions: what is not set follows from the split size")
  func splitSizes() throws {
    let defaults = NodeConfiguration().raftstore.split
    #expect(defaults.size == 256 << 20 && defaults.maxSize == nil && defaults.rightDerive)
    let set = try read(
      "[coprocessor]\nregion-split-size = \"1MiB\"\nregion-split-keys = 100\n"
        + "[raftstore]\nright-derive-when-split = false\nregion-split-check-diff = \"1KB\"\n"
    )
    #expect(set.raftstore.split.size == 1 << 20 && set.raftstore.split.keys == 100)
    #expect(!set.raftstore.split.rightDerive && set.raftstore.split.checkDiff == 1024)
    #expect(set.problem() == nil)
    for text in ["region-max-size = \"255MiB\"", "region-max-keys = 2559999"] {
      #expect(try read("[coprocessor]\n\(text)\n").problem()?.contains("at least") == true)
    }
    #expect(try read("[coprocessor]\nregion-max-size = \"256MiB\"\n").problem() == nil)
    #expect(throws: ConfigurationFile.Invalid.self) {
      try read("[raftstore]\nright-derive-when-split = \"left\"\n")
    }
  }

  @Test("Refuses settings that contradict each other")
  func combinations() throws {
    let refused = [
      "raft-heartbeat-ticks = 8\nraft-election-timeout-ticks = 8": "raft-election-timeout-ticks",
      "raft-base-tick-interval = \"10ms\"": "raft-store-max-leader-lease",
      "raft-store-max-leader-lease = \"351ms\"": "raft-store-max-leader-lease",
    ]
    for (text, name) in refused {
      let found = try #require(try read("[raftstore]\n\(text)\n").problem(), "\(text)")
      #expect(found.contains(name), "\(found)")
    }
    #expect(try read("[raftstore]\nraft-store-max-leader-lease = \"350ms\"\n").problem() == nil)
    let full = "[storage]\nreserve-space = \"10GB\"\n[raftstore]\ncapacity = "
    #expect(try read(full + "\"10GB\"\n").problem()?.contains("storage.reserve-space") == true)
    #expect(try read(full + "\"11GB\"\n").problem() == nil)
    #expect(try read(full + "0\n").problem() == nil)
    // What only code can set does not overflow either.
    var config = RaftstoreConfig()
    (config.electionTicks, config.heartbeatTicks) = (.max, 1)
    #expect(config.problem() != nil)
    config = RaftstoreConfig()
    config.baseTickInterval = .seconds(Int64.max)
    #expect(config.problem() != nil)
    config = RaftstoreConfig()
    config.shards = 0
    #expect(config.problem() != nil)
  }

  @Test("Errors name the file")
  func errorsNameTheFile() throws {
    for text in ["x = ", "raftstore = 5", "pd = \"a:1\"", "[storage]\nblock-cache = 5"] {
      #expect(throws: ConfigurationFile.Invalid.self, "\(text)") { try read(text) }
    }
    var file = try ConfigurationFile(
      path: "x", text: "foo = 1\n[storage.block-cache]\nshared = true\n[raftstore]\nbar = 2\n")
    var configuration = NodeConfiguration()
    try file.apply(to: &configuration)
    #expect(file.ignored.sorted() == ["foo", "raftstore.bar", "storage.block-cache.shared"])
  }

  @Test func filesAreBoundedAndUTF8() throws {
    let scratch = try TemporaryDirectory("server")
    let files = SystemFileSystem()
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
      let path = "\(scratch.path)/\(name)"
      let file = try files.create(path, exclusive: true)
      try file.append(bytes)
      return path
    }
    let big = try write("big", Array(repeating: UInt8(ascii: "#"), count: (1 << 20) + 1))
    #expect(throws: ConfigurationFile.Invalid.self) { try ConfigurationFile.load(big) }
    let odd = try write("odd", Array("[storage]\ndata-dir = \"/x".utf8) + [0xFF] + Array("\"".utf8))
    #expect(throws: ConfigurationFile.Invalid.self) { try ConfigurationFile.load(odd) }
    let fine = try write("fine", Array("[server]\naddr = \"h:7\"\n".utf8))
    var configuration = NodeConfiguration()
    var file = try ConfigurationFile.load(fine)
    try file.apply(to: &configuration)
    #expect(configuration.address == HostPort(host: "h", port: 7))
  }

  // MARK: Placement drivers

  @Test("An empty list of placement drivers is an error")
  func emptyEndpoints() throws {
    #expect(try read("").pdEndpoints.isEmpty)
    #expect(
      try read("[pd]\nendpoints = [\"a:1\", \"http://b:2\"]").pdEndpoints.count == 2)
    for value in [
      "[]", "[\"\"]", "[\" \"]", "[5]", "\"a:1\"", "[\"a\"]", "[\"a:0\"]", "[\"https://a:1\"]",
    ] {
      #expect(throws: ConfigurationFile.Invalid.self, "\(value)") {
        try read("[pd]\nendpoints = \(value)")
      }
    }
  }

  @Test("Numbers of the placement driver have ranges")
  func pdRanges() {
    func problem(_ change: (inout PDConfiguration) -> Void) -> String? {
      var configuration = PDConfiguration()
      change(&configuration)
      return configuration.problem()
    }
    #expect(problem { _ in } == nil)
    for count in [Int.min, -1, 0, 16, .max] {
      #expect(problem { $0.maxReplicas = count }?.contains("--max-replicas") == true)
    }
    for time in [Duration.zero, .milliseconds(999), .seconds(366 * 86_400), .seconds(Int64.max)] {
      #expect(problem { $0.maxStoreDownTime = time }?.contains("--max-store-down-time") == true)
      #expect(
        problem { $0.storeReplacementDelay = time }?.contains("--store-replacement-delay") == true)
    }
    #expect(problem { $0.maxStoreDownTime = .seconds(1) } == nil)
    #expect(problem { $0.storeReplacementDelay = .seconds(3600) } == nil)
    #expect(problem { $0.address = HostPort(host: "0.0.0.0", port: 2379) } != nil)
    #expect(problem { $0.advertisedAddress = HostPort(host: "::", port: 2379) } != nil)
    #expect(problem { $0.advertisedAddress = HostPort(host: "pd", port: 0) } != nil)
    #expect(
      problem {
        $0.address = HostPort(host: "0.0.0.0", port: 2379)
        $0.advertisedAddress = HostPort(host: "pd", port: 2379)
      } == nil)
  }

  // MARK: Security

  @Test("A file that enables encryption is refused")
  func securityIsRefused() throws {
    let refused = [
      "ca-path = \"/ca.pem\"", "cert-path = \"c\"", "key-path = \"k\"", "cert-allowed-cn = [\"x\"]",
      "redact-info-log = true", "unheard-of = 1",
      "[security.encryption]\ndata-encryption-method = \"aes256-ctr\"",
      "[security.encryption.master-key]\ntype = \"file\"",
    ]
    for text in refused {
      let error = #expect(throws: ConfigurationFile.Invalid.self, "\(text)") {
        try read("[security]\n\(text)\n")
      }
      #expect(error?.description.contains("security.") == true)
    }
    let nothing = [
      "ca-path = \"\"\ncert-path = \"\"\nkey-path = \"\"\ncert-allowed-cn = []",
      "redact-info-log = false", "[security.encryption]\ndata-encryption-method = \"plaintext\"",
    ]
    for text in nothing { #expect(try read("[security]\n\(text)\n").problem() == nil) }
    #expect(throws: ConfigurationFile.Invalid.self) { try read("security = true") }
  }

  // MARK: Labels

  /// The cases of TiKV: as a key, as a value.
  @Test(
    "Labels follow TiKV's rules",
    arguments: [
      ("", false, true), ("123*", false, false), (".123", false, true), ("💖", false, false),
      ("a", true, true), ("0", true, true), ("a.1-2", true, true), ("Cab", true, true),
      ("b_1.2", true, true), ("/abc", false, true), ("abc/", false, true), ("abc/def", true, true),
      ("-abc", false, true), ("abc-", false, true), ("abc$def", false, false),
      ("$abc", true, false),
      ("$", false, false), ("$$a", false, false), ("$a.b-c/d_e", true, false),
      ("a b", false, false),
      ("é", false, false), ("a\n", false, false),
    ])
  func labels(_ text: String, _ isKey: Bool, _ isValue: Bool) {
    var configuration = NodeConfiguration()
    configuration.labels = [.init(key: text, value: "v")]
    #expect((configuration.problem() == nil) == isKey)
    configuration.labels = [.init(key: "k", value: text)]
    #expect((configuration.problem() == nil) == isValue)
  }

  @Test("Of duplicate labels the last one counts")
  func duplicateLabels() throws {
    let labels: [NodeConfiguration.Label] = [
      .init(key: "zone", value: "a"), .init(key: "host", value: ""), .init(key: "zone", value: "b"),
    ]
    #expect(
      NodeConfiguration.Label.unique(labels) == [
        .init(key: "zone", value: "b"), .init(key: "host", value: ""),
      ])
    #expect(try read("[server.labels]\nzone = \"\"\n").labels == [.init(key: "zone", value: "")])
    #expect(throws: ConfigurationFile.Invalid.self) { try read("[server.labels]\nzone = 1\n") }
  }

  // MARK: Addresses

  @Test(
    "Unspecified addresses are not advertised",
    arguments: ["0.0.0.0", "0", "0.0", "::", "::0", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"])
  func unspecifiedAddresses(host: String) {
    let unspecified = HostPort(host: host, port: 20160)
    let specified = HostPort(host: "10.0.0.1", port: 20160)
    #expect(unspecified.isUnspecified && !specified.isUnspecified)
    var configuration = NodeConfiguration()
    configuration.address = unspecified
    #expect(configuration.problem()?.contains("advertise-addr") == true)
    configuration.advertisedAddress = unspecified
    #expect(configuration.problem()?.contains("advertise-addr") == true)
    configuration.advertisedAddress = specified
    #expect(configuration.problem() == nil)
    configuration.statusAddress = HostPort(host: host, port: 20180)
    #expect(configuration.problem() == nil)
    #expect(configuration.storeInfo(startedAt: 0).statusAddress == "10.0.0.1:20180")
    configuration.advertisedStatusAddress = HostPort(host: host, port: 20180)
    #expect(configuration.problem()?.contains("advertise-status-addr") == true)
  }

  @Test("The status address differs from the address")
  func equalAddresses() {
    var configuration = NodeConfiguration()
    configuration.statusAddress = configuration.address
    #expect(configuration.problem()?.contains("status-addr") == true)
    configuration.statusAddress = nil
    configuration.advertisedStatusAddress = HostPort(host: "a", port: 1)
    #expect(configuration.problem()?.contains("advertise-status-addr") == true)
    configuration = NodeConfiguration()
    configuration.advertisedAddress = HostPort(host: "a", port: 1)
    configuration.advertisedStatusAddress = HostPort(host: "a", port: 1)
    #expect(configuration.problem()?.contains("advertise-status-addr") == true)
    configuration.advertisedStatusAddress = HostPort(host: "a", port: 0)
    #expect(configuration.problem()?.contains("advertise-status-addr") == true)
    configuration = NodeConfiguration()
    configuration.advertisedAddress = HostPort(host: "a", port: 0)
    #expect(configuration.problem()?.contains("advertise-addr") == true)
  }

  @Test(
    "Refuses malformed addresses",
    arguments: [
      "", ":", ":1", "a", "a:", "a:b", "a:-1", "a:+1", "a:65536", "a:99999999999999999999", "a:1x",
      "a:１", "a b:1", "a/b:1", "a\n:1", "a:1\n", "é:1", "1:2:3", "https://a:1", "a:1?x", "[::1]",
    ])
  func refusesMalformedAddresses(text: String) {
    #expect(HostPort(text) == nil)
  }

  @Test("Parses addresses")
  func parsesAddresses() {
    #expect(HostPort("a-b.c_d:0") == HostPort(host: "a-b.c_d", port: 0))
    #expect(HostPort("http://a:65535/") == HostPort(host: "a", port: 65_535))
    #expect(HostPort("[fe80::1%eth0]:7") == HostPort(host: "fe80::1%eth0", port: 7))
    #expect(HostPort("[::1]:7")?.description == "[::1]:7")
  }

  // MARK: Memory

  @Test("The default block cache is 45 % of the memory")
  func blockCache() {
    #expect(SystemMemory.blockCacheBytes(ofMemory: 100 << 30) == 45 << 30)
    #expect(SystemMemory.blockCacheBytes(ofMemory: 0) == 64 << 20)
    #expect(SystemMemory.blockCacheBytes(ofMemory: .max) < UInt64.max / 2)
    #expect(SystemMemory.available(SystemFileSystem()) > 64 << 20)
  }

  @Test("Control groups limit the memory")
  func controlGroups() throws {
    let second = SystemMemory.limitFiles("0::/system.slice/apus.service\n")
    #expect(
      second == [
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
        "/sys/fs/cgroup/system.slice/apus.service/memory.max",
      ])
    let first = SystemMemory.limitFiles("5:cpu,cpuacct:/a\n4:memory:/docker/1\nnonsense\n")
    #expect(
      first == [
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
      ])
    #expect(SystemMemory.limitFiles("") == [])
    let scratch = try TemporaryDirectory("server")
    let files = SystemFileSystem()
    for (text, bytes) in [("max\n", nil), ("1048576\n", 1 << 20), ("", nil), ("-1", nil)]
      as [(String, UInt64?)]
    {
      let file = try files.create("\(scratch.path)/limit", exclusive: false)
      try file.append(Array(text.utf8))
      #expect(SystemMemory.limit(in: "\(scratch.path)/limit", files) == bytes)
    }
    #expect(SystemMemory.limit(in: "\(scratch.path)/missing", files) == nil)
  }
}
