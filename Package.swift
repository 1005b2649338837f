// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A library target. The compiler accepts an import of any target that is built; `ImportTests` restricts each target
/// to its row in a table.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A test target in `Tests/`.
///
/// - Parameter exclude: files that are not sources.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
  name: "apus",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "apus", targets: ["apus"]),
    .library(name: "ApusClient", targets: ["Client"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // Level 0: system libraries, and targets that import no other target of the package.
    .systemLibrary(
      name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .target(name: "CPlatform"),
    library("Protobuf"),
    library("Wire", [protobuf]),
    library("History"),

    // Level 1: know nothing of each other.
    library("Raft", ["Protobuf"]),
    library("Runtime", ["CPlatform", log]),
    library("RocksDB", ["CRocksDB"]),

    // Level 2
    library("Engine", ["RocksDB", "Runtime"]),
    library("RaftLog", ["CLZ4", "Protobuf", "Raft", "RocksDB", "Runtime"]),
    library("Codec", ["Protobuf", "Raft", "Wire"]),
    library(
      "RPC",
      [
        "CNghttp2", "CZlib", "Protobuf", "Runtime", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL,
        protobuf, log,
      ]),

    // Level 3
    library(
      "Raftstore",
      ["CZlib", "Protobuf", "Raft", "Runtime", "Engine", "RaftLog", "Codec", collections, log]),
    library("PlacementDriver", ["Engine", "Runtime", "Codec", collections]),
    library(
      "Client", ["RPC", "Wire", "Codec", "Runtime", nioCore, nioPosix, nioHTTP1, protobuf, log]),

    library("Transaction", ["Engine", "Codec", "Protobuf"]),

    // Levels 4 to 7
    library("Storage", ["Raftstore", "Transaction", "Engine", "Codec", "Runtime"]),
    library(
      "Server",
      [
        "Storage", "Transaction", "Raftstore", "PlacementDriver", "Client", "RPC", "Engine",
        "RaftLog", "Codec", "Protobuf", "Wire", "Runtime", nioCore, nioPosix, nioHTTP1, toml, log,
      ]),
    library(
      "SimulationKit",
      [
        "Storage", "Raftstore", "PlacementDriver", "Engine", "RaftLog", "Raft", "Codec", "Protobuf",
        "Runtime", collections, log,
      ]),
    library(
      "Simulation",
      [
        "SimulationKit", "Storage", "Raftstore", "PlacementDriver", "History", "Engine", "RaftLog",
        "Raft", "Codec", "Protobuf", "Runtime", log,
      ]),
    library("SimulationCommand", ["Simulation", "Server", "History", "Runtime", arguments]),
    .executableTarget(
      name: "apus",
      dependencies: [
        "Server", "SimulationCommand", "Client", "History", "Codec", "Runtime", "CPlatform",
        arguments, log,
      ],
      swiftSettings: settings),

    // For development, not products: the simulation with mutants, for `scripts/mutants`.
    library(
      "SimulationMutants",
      [
        "Simulation", "SimulationKit", "Storage", "Raftstore", "Engine", "RaftLog", "Raft", "Codec",
        "Protobuf", "Runtime",
      ]),
    .executableTarget(
      name: "apus-dev", dependencies: ["SimulationCommand", "SimulationMutants", arguments],
      swiftSettings: settings),

    // Benchmarks of `scripts/bench raft`; not products.
    .target(name: "CAllocations", path: "Sources/Benchmarks/CAllocations"),
    .executableTarget(
      name: "raft-benchmark", dependencies: ["Raft", "CAllocations"],
      path: "Sources/Benchmarks/Raft",
      swiftSettings: settings),

    // Of `scripts/bench log`.
    .executableTarget(
      name: "raft-log-benchmark", dependencies: ["RaftLog", "Raft", "Runtime"],
      path: "Sources/Benchmarks/RaftLog", swiftSettings: settings),

    // Fixtures that several test targets use.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),

    tests("HistoryTests", ["History", "Runtime"]),
    tests("ProtobufTests", ["Protobuf"]),
    tests("RaftTests", ["Raft", "Protobuf", "Runtime"], exclude: ["Counterparts.md"]),
    tests("RuntimeTests", ["Runtime", "TestSupport"]),
    tests("RocksDBTests", ["RocksDB", "TestSupport"]),
    tests("EngineTests", ["Engine", "Runtime", "TestSupport"]),
    tests(
      "RaftLogTests", ["RaftLog", "Raft", "RocksDB", "Runtime", "TestSupport"],
      exclude: ["EtcdCounterparts.md"]),
    tests("CodecTests", ["Codec", "Protobuf", "Wire", "Raft", protobuf]),
    tests(
      "RPCTests",
      ["RPC", "Protobuf", "Runtime", "CNghttp2", "CZlib", nioCore, nioPosix, protobuf, log]),
    tests(
      "RaftstoreTests",
      [
        "Raftstore", "Raft", "RaftLog", "Engine", "Codec", "Runtime", "SimulationKit",
        "TestSupport", log,
      ], exclude: ["Counterparts.md", "TinyKVCounterparts.md", "BugCounterparts.md"]),
    tests(
      "PlacementDriverTests", ["PlacementDriver", "Engine", "Codec", "Runtime", "TestSupport"]),
    tests(
      "TransactionTests",
      ["Transaction", "Engine", "Codec", "Protobuf", "Runtime", "TestSupport"]),
    tests(
      "StorageTests", ["Storage", "Transaction", "Engine", "Codec", "Runtime", "TestSupport"]),
    tests("ClientTests", ["Client", "RPC", "Wire", "Codec", "Runtime", nioCore, nioPosix, log]),
    tests(
      "ServerTests",
      [
        "Server", "Storage", "Transaction", "RPC", "PlacementDriver", "Raftstore", "Raft",
        "RaftLog", "Codec", "Wire", "Engine", "Runtime", "TestSupport", nioCore, nioPosix, log,
        protobuf,
      ]),
    tests(
      "SimulationTests",
      [
        "Simulation", "SimulationKit", "SimulationMutants", "Raftstore", "Raft", "RaftLog",
        "History",
        "Engine", "Codec", "Runtime", "TestSupport", log,
      ]),
    tests(
      "ClusterTests",
      [
        "Raftstore", "Storage", "PlacementDriver", "RaftLog", "Engine", "Codec", "Runtime",
        "TestSupport", log,
      ]),
    tests("TidyTests", []),
  ]
)

// `scripts/docs` alone needs the documentation plugin: a normal build resolves nothing for it.
if Context.environment["APUS_DOCS"] == "1" {
  package.dependencies.append(
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
