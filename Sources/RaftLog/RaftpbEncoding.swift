import Raft

/// The encoding of `raftpb` records by etcd's generated code, as raftwal, DiskStorage and etcd store them: numbers and
/// nested records are written also when they are 0 or empty, lists of numbers are not packed. Decoders need not care.
enum RaftpbEncoding {
  static func bytes(_ entry: Entry) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entry.data.count + 36)
    append(&bytes, 1, UInt64(entry.type.rawValue))
    append(&bytes, 2, entry.term)
    append(&bytes, 3, entry.index)
    if !entry.data.isEmpty { append(&bytes, 4, entry.data) }
    return bytes
  }

  static func bytes(_ state: HardState) -> [UInt8] {
    var bytes: [UInt8] = []
    append(&bytes, 1, state.term)
    append(&bytes, 2, state.vote)
    append(&bytes, 3, state.commit)
    return bytes
  }

  static func bytes(_ snapshot: Snapshot) -> [UInt8] {
    var metadata: [UInt8] = []
    append(&metadata, 1, bytes(snapshot.metadata.confState))
    append(&metadata, 2, snapshot.metadata.index)
    append(&metadata, 3, snapshot.metadata.term)
    var bytes: [UInt8] = []
    if !snapshot.data.isEmpty { append(&bytes, 1, snapshot.data) }
    append(&bytes, 2, metadata)
    return bytes
  }

  private static func bytes(_ state: ConfState) -> [UInt8] {
    var bytes: [UInt8] = []
    for id in state.voters { append(&bytes, 1, id) }
    for id in state.learners { append(&bytes, 2, id) }
    for id in state.votersOutgoing { append(&bytes, 3, id) }
    for id in state.learnersNext { append(&bytes, 4, id) }
    append(&bytes, 5, state.autoLeave ? 1 : 0)
    return bytes
  }

  private static func append(_ bytes: inout [UInt8], _ field: UInt8, _ value: UInt64) {
    bytes.append(field << 3)
    bytes.appendVarint(value)
  }

  private static func append(_ bytes: inout [UInt8], _ field: UInt8, _ value: [UInt8]) {
    bytes.append(field << 3 | 2)
    bytes.appendBytes(value)
  }
}
