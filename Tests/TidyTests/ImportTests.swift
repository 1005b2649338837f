import Testing

/// Which targets may import which. The compiler does not enforce it.
struct ImportTests {
  /// The targets of the package that each target may import.
  static let targets: [String: Set<String>] = [
    "Protobuf": [],
    "Raft": ["Protobuf"],
    "Runtime": ["CPlatform"],
    "RocksDB": ["CRocksDB"],
    "Wire": [],
    "History": [],
    "Engine": ["RocksDB", "Runtime"],
    "RaftLog": ["CLZ4", "Protobuf", "Raft", "RocksDB", "Runtime"],
    "Codec": ["Protobuf", "Raft", "Wire"],
    "RPC": ["CNghttp2", "CZlib", "Protobuf", "Runtime"],
    "Raftstore": ["CZlib", "Protobuf", "Raft", "Runtime", "Engine", "RaftLog", "Codec"],
    "PlacementDriver": ["Engine", "Runtime", "Codec"],
    "Client": ["RPC", "Wire", "Codec", "Runtime"],
    "Transaction": ["Engine", "Codec", "Protobuf"],
    "Storage": ["Raftstore", "Transaction", "Engine", "Codec", "Runtime"],
    "Server": [
      "Storage", "Transaction", "Raftstore", "PlacementDriver", "Client", "RPC", "Engine",
      "RaftLog", "Codec", "Protobuf", "Wire", "Runtime", "RocksDB", "Raft",
    ],
    "SimulationKit": [
      "Storage", "Raftstore", "PlacementDriver", "Engine", "RaftLog", "Raft", "Codec", "Protobuf",
      "Runtime",
    ],
    "Simulation": [
      "SimulationKit", "Storage", "Raftstore", "PlacementDriver", "History", "Engine", "RaftLog",
      "Raft", "Codec", "Protobuf", "Runtime",
    ],
    "SimulationCommand": ["Simulation", "Server", "History", "Runtime"],
    "SimulationMutants": [
      "Simulation", "SimulationKit", "Storage", "Raftstore", "Engine", "RaftLog", "Raft", "Codec",
      "Protobuf", "Runtime",
    ],
    "apus-dev": ["SimulationCommand", "SimulationMutants"],
    "apus": [
      "Server", "SimulationCommand", "Client", "History", "Codec", "Wire", "Runtime", "RPC",
      "CPlatform",
    ],
    "Benchmarks": ["Raft", "RaftLog", "Runtime", "CAllocations"],
  ]

  /// The modules outside the package that each target may import, beside `Synchronization`.
  static let outside: [String: Set<String>] = [
    "Protobuf": [],
    "Raft": [],
    "Runtime": ["Glibc", "Logging"],
    "RocksDB": ["Glibc"],
    "Wire": ["SwiftProtobuf", "Foundation", "FoundationEssentials"],
    "History": [],
    "Engine": [],
    "RaftLog": [],
    "Codec": ["SwiftProtobuf", "FoundationEssentials", "Foundation"],
    "RPC": [
      "Glibc", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOTLS", "SwiftProtobuf", "Logging",
      "FoundationEssentials", "NIOConcurrencyHelpers",
    ],
    "Raftstore": ["Collections", "OrderedCollections", "DequeModule", "Logging"],
    "PlacementDriver": [
      "Collections", "OrderedCollections", "DequeModule", "Logging", "FoundationEssentials",
    ],
    "Client": [
      "NIOCore", "NIOHTTP1", "NIOPosix", "SwiftProtobuf", "FoundationEssentials", "Logging",
    ],
    "Transaction": [],
    "Storage": ["Logging"],
    "SimulationKit": ["Collections", "Glibc", "Logging"],
    "Simulation": ["Logging"],
    "SimulationCommand": ["ArgumentParser", "Glibc"],
    "apus-dev": ["ArgumentParser", "Glibc"],
    "Server": [
      "NIOCore", "NIOPosix", "NIOHTTP1", "TOMLKit", "Logging", "SwiftProtobuf", "Glibc",
      "FoundationEssentials", "NIOConcurrencyHelpers",
    ],
    "apus": [
      "ArgumentParser", "Logging", "Glibc", "FoundationEssentials", "NIOPosix", "NIOCore",
    ],
  ]

  static func imports(_ file: SourceTree.File) -> [String] {
    file.lines.indices.compactMap { index in
      let words = file.code(index).split(separator: " ").map(String.init)
      guard let at = words.firstIndex(of: "import"), at < 2, words.count > at + 1 else {
        return nil
      }
      guard
        at == 0
          || ["package", "internal", "public", "private", "@testable", "@preconcurrency"]
            .contains(words[0])
      else { return nil }
      let name =
        ["struct", "class", "enum", "func", "protocol"].contains(words[at + 1])
        ? words[min(at + 2, words.count - 1)] : words[at + 1]
      return String(name.split(separator: ".")[0])
    }
  }

  @Test func everyTargetIsInTheTable() {
    let found = Set(SourceTree.all.sources.map(\.target))
    #expect(found.isSubset(of: Set(Self.targets.keys)), "a target without a row")
    #expect(found.count > 5, "no sources were read")
  }

  @Test func importsFollowTheTable() {
    for file in SourceTree.all.sources {
      let allowed = Self.targets[file.target, default: []]
        .union(Self.outside[file.target, default: []]).union(["Synchronization"])
      for name in Self.imports(file) {
        #expect(allowed.contains(name), "\(file.path) imports \(name)")
      }
    }
  }

  @Test func aForbiddenImportIsDetected() {
    let file = SourceTree.File(path: "Sources/Raft/X.swift", lines: ["package import Engine"])
    #expect(Self.imports(file) == ["Engine"])
    #expect(!Self.targets["Raft", default: []].contains("Engine"))
  }
}
