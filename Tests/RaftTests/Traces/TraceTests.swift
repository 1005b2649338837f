import Testing

/// etcd's data-driven traces, replayed byte for byte.
@Suite struct TraceTests {
  @Test(
    "TestInteraction", .enabled(if: TraceFolder.raft.isPresent), arguments: TraceFolder.raft.files)
  func interaction(_ file: TraceFile) throws {
    let cluster = TraceCluster()
    try file.replay { cluster.execute($0) }
  }

  @Test(
    "quorum TestDataDriven", .enabled(if: TraceFolder.quorum.isPresent),
    arguments: TraceFolder.quorum.files)
  func quorum(_ file: TraceFile) throws {
    try file.replay { try QuorumTrace.execute($0) }
  }

  @Test(
    "TestConfChangeDataDriven", .enabled(if: TraceFolder.confChange.isPresent),
    arguments: TraceFolder.confChange.files)
  func confChange(_ file: TraceFile) throws {
    var trace = ConfChangeTrace()
    try file.replay { trace.execute($0) }
  }
}
