import FoundationEssentials
import NIOCore
import TestSupport
import Testing

@testable import Server

/// The file that says what a data directory holds, and what it keeps from happening.
struct DataIdentityTests {
  private let scratch: TemporaryDirectory

  init() throws {
    scratch = try TemporaryDirectory("server")
  }

  private var path: String { scratch.path + "/APUS" }

  private func pd() async throws(StartError) -> PDServer {
    var configuration = PDConfiguration()
    configuration.address = HostPort(host: "127.0.0.1", port: 0)
    configuration.dataDirectory = scratch.path
    return try await PDServer.start(configuration, logger: quiet) { _ in }
  }

  private func alone() async throws(StartError) -> StandaloneServer {
    try await StandaloneServer.start(.test(scratch.path), logger: quiet) { _ in }
  }

  /// A store that would wait for a placement driver for a while, if its directory let it.
  private func store() async throws(StartError) -> StoreServer {
    var configuration = NodeConfiguration.test(scratch.path)
    configuration.pdEndpoints = [HostPort(host: "127.0.0.1", port: 1)]
    return try await StoreServer.start(configuration, logger: quiet) { _ in }
  }

  private func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: scratch.path + "/" + name)
  }

  // MARK: The file

  @Test("An identity is parsed back from its text")
  func roundTrips() throws {
    for identity in [
      DataIdentity(role: .pd), DataIdentity(role: .pd, clusterID: .max),
      DataIdentity(role: .store, clusterID: 1, storeID: 4), DataIdentity(role: .standalone),
      DataIdentity(role: .store, clusterID: 1, storeID: 4, hasTTL: true),
      DataIdentity(role: .store, clusterID: 1, storeID: 4, logEngine: .segment),
      DataIdentity(role: .store, hasTTL: true, logEngine: .segment),
    ] {
      #expect(try DataIdentity(parsing: identity.text) == identity)
    }
  }

  @Test(
    "Refuses malformed text",
    arguments: [
      "", "format = \"1\"", "format = \"1\"\nrole = \"king\"", "role = \"pd\"",
      "format = \"2\"\nrole = \"pd\"", "format = \"1\"\nrole = \"pd\"\nrole = \"pd\"",
      "format = \"1\"\nrole = \"pd\"\ncluster = \"x\"",
      "format = \"1\"\nrole = \"pd\"\ncluster = \"0\"",
      "format = \"3\"\nrole = \"pd\"", "format = \"1\"\nrole = \"store\"\nttl = \"true\"",
      "format = \"2\"\nrole = \"store\"\nttl = \"yes\"",
      "format = \"3\"\nrole = \"store\"", "format = \"4\"\nrole = \"store\"",
      "format = \"1\"\nrole = \"store\"\nlog-engine = \"segment\"",
      "format = \"3\"\nrole = \"store\"\nlog-engine = \"paper\"",
      "format = 1\nrole = pd", "format = \"", "\0\0\0\0",
      "format = \"1\"\nrole = \"pd\"\ncluster = \"18446744073709551616\"",
    ])
  func refusesMalformedText(text: String) {
    #expect(throws: DataIdentity.Malformed.self) { try DataIdentity(parsing: text) }
  }

  @Test("A damaged file stops the start and is named")
  func damagedFile() async throws {
    for content in ["nonsense", String(repeating: "x", count: 10_000)] {
      try Data(content.utf8).write(to: URL(filePath: path))
      let error = await #expect(throws: StartError.self) { try await pd() }
      #expect(error?.description.contains(path) == true)
    }
  }

  // MARK: Roles

  @Test("No other role starts on a placement driver's directory", arguments: [true, false])
  func pdDirectory(hasFile: Bool) async throws {
    let server = try await pd()
    await server.stop()
    if !hasFile { try remove("APUS") }
    for _ in 0..<2 {
      let error = await #expect(throws: StartError.self) { try await alone() }
      #expect(error?.description.contains("belongs to a placement driver") == true)
      let other = await #expect(throws: StartError.self) { try await store() }
      #expect(other?.description.contains("belongs to a placement driver") == true)
    }
    let again = try await pd()
    #expect(again.clusterID == server.clusterID)
    await again.stop()
  }

  @Test("No other role starts on a stand-alone store's directory", arguments: [true, false])
  func standaloneDirectory(hasFile: Bool) async throws {
    let server = try await alone()
    await server.stop()
    if !hasFile { try remove("APUS") }
    for _ in 0..<2 {
      let error = await #expect(throws: StartError.self) { try await pd() }
      #expect(error?.description.contains("belongs to a stand-alone node") == true)
      let other = await #expect(throws: StartError.self) { try await store() }
      #expect(other?.description.contains("belongs to a stand-alone node") == true)
    }
    let again = try await alone()
    #expect(again.identity == server.identity)
    await again.stop()
  }

  @Test("A directory without the file gets one")
  func missingFile() async throws {
    let server = try await pd()
    await server.stop()
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains("\"\(server.clusterID)\""))
    try remove("APUS")
    let again = try await pd()
    #expect(again.clusterID == server.clusterID)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    await again.stop()
  }

  // MARK: Empty databases

  @Test("A placement driver without its database does not start", arguments: ["db", "db/CURRENT"])
  func removedPDDatabase(removed: String) async throws {
    let server = try await pd()
    await server.stop()
    try remove(removed)
    for _ in 0..<2 {
      let error = await #expect(throws: StartError.self) { try await pd() }
      #expect(error?.description.contains("\(scratch.path)/db") == true)
      #expect(error?.description.contains("cluster \(server.clusterID)") == true)
    }
  }

  @Test("A placement driver without its write-ahead log does not start", arguments: ["", "delete"])
  func removedPDLog(how: String) async throws {
    let server = try await pd()
    await server.stop()
    let database = scratch.path + "/db"
    for name in try FileManager.default.contentsOfDirectory(atPath: database)
    where name.hasSuffix(".log") {
      if how == "delete" {
        try remove("db/" + name)
      } else {
        try Data().write(to: URL(filePath: database + "/" + name))
      }
    }
    for _ in 0..<2 {
      let error = await #expect(throws: StartError.self) { try await pd() }
      #expect(error?.description.contains(database) == true)
      #expect(error?.description.contains("backup") == true)
    }
  }

  @Test(
    "A stand-alone store without its database does not start",
    arguments: ["db", "pd", "db/CURRENT", "pd/CURRENT"])
  func removedStandaloneDatabase(removed: String) async throws {
    let server = try await alone()
    await server.stop()
    try remove(removed)
    let error = await #expect(throws: StartError.self) { try await alone() }
    #expect(error?.description.contains(scratch.path) == true)
    #expect(error?.description.contains("backup") == true)
  }
}
