import Foundation
import RaftLog
import Runtime
import TestSupport
import Testing

/// A real etcd: its directory is read, and it starts on one that was written here. `APUS_ETCD` names other programs than
/// the installed one, separated by colons.
struct EtcdInteropTests {
  private static let programs: [String] = {
    let named = ProcessInfo.processInfo.environment["APUS_ETCD"]?.split(separator: ":")
      .map(String.init)
    let manager = FileManager.default
    guard manager.isExecutableFile(atPath: "/usr/bin/curl") else { return [] }
    return (named ?? ["/usr/bin/etcd"]).filter { manager.isExecutableFile(atPath: $0) }
  }()

  /// A running etcd of one member.
  private final class Server {
    private let process = Process()
    let address: String

    init(_ program: String, _ directory: String) throws {
      let (client, peer) = (try Self.freePort(), try Self.freePort())
      address = "http://127.0.0.1:\(client)"
      let peerAddress = "http://127.0.0.1:\(peer)"
      process.executableURL = URL(filePath: program)
      process.arguments = [
        "--name", "n", "--data-dir", directory, "--listen-client-urls", address,
        "--advertise-client-urls", address, "--listen-peer-urls", peerAddress,
        "--initial-advertise-peer-urls", peerAddress, "--initial-cluster", "n=\(peerAddress)",
        "--heartbeat-interval", "10", "--election-timeout", "50", "--snapshot-count", "40",
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    private static func freePort() throws -> UInt16 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
      }
      try #require(result)
      return UInt16(bigEndian: address.sin_port)
    }

    /// One request over its JSON gateway; nil while it does not respond.
    private func request(_ method: String, _ body: String) throws -> String? {
      let curl = Process()
      let pipe = Pipe()
      curl.executableURL = URL(filePath: "/usr/bin/curl")
      curl.arguments = ["-s", "-f", "-m", "5", "-d", body, "\(address)/v3/kv/\(method)"]
      curl.standardOutput = pipe
      curl.standardError = FileHandle.nullDevice
      try curl.run()
      let output = pipe.fileHandleForReading.readDataToEndOfFile()
      curl.waitUntilExit()
      return curl.terminationStatus == 0 ? String(data: output, encoding: .utf8) : nil
    }

    private func respond(_ method: String, _ body: String) throws -> String {
      let deadline = Date().addingTimeInterval(20)
      while Date() < deadline {
        if let response = try request(method, body) { return response }
        try #require(process.isRunning, "etcd has ended")
      }
      throw CocoaError(.fileReadUnknown)
    }

    private static func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    func put(_ key: String, _ value: String) throws {
      _ = try respond(
        "put", "{\"key\":\"\(Self.encoded(key))\",\"value\":\"\(Self.encoded(value))\"}")
    }

    func get(_ key: String) throws -> String? {
      let response = try respond("range", "{\"key\":\"\(Self.encoded(key))\"}")
      guard let match = response.firstMatch(of: /"value":"([^"]*)"/),
        let data = Data(base64Encoded: String(match.1))
      else { return nil }
      return String(data: data, encoding: .utf8)
    }

    func stop() {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  @Test(.enabled(if: !programs.isEmpty), arguments: programs)
  func bothReadWhatTheOtherHasWritten(program: String) throws {
    let temporary = try TemporaryDirectory("etcd")
    let files = SystemFileSystem()
    let member = temporary.child("data/member")
    var server = try Server(program, temporary.child("data"))
    // Beyond a snapshot.
    for index in 1...60 { try server.put("key \(index)", "value \(index)") }
    server.stop()

    let (node, contents, _) = try EtcdNode.restart(member, files)
    withExtendedLifetime(node) {}
    #expect(contents.start.index > 0)
    #expect(contents.hardState.term > 0)
    let last = Array("value 60".utf8)
    #expect(contents.entries.contains { $0.data.windows(of: last.count).contains(last[...]) })
    try EtcdWAL.verify(member + "/wal", files, at: contents.start)

    // The same bytes again, apart from what is before the snapshot.
    try FileManager.default.moveItem(atPath: member + "/wal", toPath: temporary.child("old"))
    try EtcdWAL.write(contents, to: member + "/wal", files)
    server = try Server(program, temporary.child("data"))
    for index in [1, 30, 60] { #expect(try server.get("key \(index)") == "value \(index)") }
    try server.put("later", "yes")
    server.stop()
    let after = try EtcdWAL.read(member + "/wal", files, at: contents.start)
    #expect(Array(after.entries.prefix(contents.entries.count)) == contents.entries)
    #expect(after.hardState.term > contents.hardState.term)

    // A node alone, of which etcd needs no other data: its snapshot file is written here as well.
    let snapshotter = Snapshotter(member + "/snap", files)
    let snapshot = try snapshotter.load()
    try FileManager.default.removeItem(
      atPath: member + "/snap/" + (try #require(snapshotter.names().first)))
    try snapshotter.save(snapshot)
    server = try Server(program, temporary.child("data"))
    #expect(try server.get("later") == "yes")
    server.stop()
  }
}

extension [UInt8] {
  /// All slices of a length.
  fileprivate func windows(of length: Int) -> [ArraySlice<UInt8>] {
    count < length ? [] : (0...count - length).map { self[$0..<$0 + length] }
  }
}
