package import Protobuf

/// The messages between stores.
extension MessageShape {
  /// `raft_serverpb.RaftMessage`.
  package static let raftEnvelope = MessageShape(betweenStores, root: 1)
  /// `tikvpb.BatchRaftMessage`, and `raft_serverpb.SnapshotChunk`, which begins with the same.
  package static let raftBatch = MessageShape(betweenStores)
  package static let snapshotChunk = raftBatch
  /// `raft_serverpb.RaftSnapshotData`.
  package static let snapshotData = MessageShape(betweenStores, root: 7)
  /// `kvrpcpb.CheckLeaderRequest` and its response.
  package static let leaderCheck = MessageShape([[1: .message(1)], [:]])
  package static let leaderCheckResponse = MessageShape([[1: .numbers]])

  /// Entries, peers and files are one field each.
  private static let betweenStores: [[Int: Field]] = [
    [1: .message(1)],
    // RaftMessage: the raft message, the merge target, the extra message.
    [4: .message(2), 9: .message(5), 10: .message(6)],
    // eraftpb.Message: entries, and the snapshot.
    [7: .message(8), 9: .message(3)],
    [2: .message(4)],
    // SnapshotMetadata: the configuration is lists of numbers.
    [1: .message(9)],
    // Region: its peers.
    [5: .message(8)],
    // ExtraMessage: the peers to check.
    [3: .message(8)],
    // RaftSnapshotData: the region, and the files.
    [1: .message(5), 5: .message(10)],
    [:],
    [1: .numbers, 2: .numbers, 3: .numbers, 4: .numbers],
    [1: .message(8)],
  ]
}
