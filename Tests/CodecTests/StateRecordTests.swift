import Codec
import Protobuf
import Raft
import SwiftProtobuf
import Testing
import Wire

/// What is kept on disk, field by field against the generated messages.
struct StateRecordTests {
  @Test func storeIdent() throws {
    let ident = StoreIdent(clusterID: 7, storeID: 1)
    #expect(ident.encoded() == [0x08, 7, 0x10, 1])
    #expect(try StoreIdent(decoding: ident.encoded()) == ident)
  }

  @Test func applyState() throws {
    let state = ApplyState(
      appliedIndex: 1, truncatedIndex: 2, truncatedTerm: 3, lastCommitIndex: 4, commitIndex: 5,
      commitTerm: 6)
    let wire = try RaftServerpb_RaftApplyState(serializedBytes: state.encoded())
    #expect(wire.appliedIndex == 1 && wire.lastCommitIndex == 4)
    #expect(wire.truncatedState.index == 2 && wire.truncatedState.term == 3)
    #expect(wire.commitIndex == 5 && wire.commitTerm == 6)
    #expect(try ApplyState(decoding: wire.serializedBytes()) == state)
    let fresh = ApplyState()
    #expect(try ApplyState(decoding: fresh.encoded()) == fresh)
    #expect(fresh.encoded().count == fresh.protoSize)
  }

  @Test func raftState() throws {
    let state = RaftLocalState(
      hardState: Raft.HardState(term: 1, vote: 2, commit: 3), lastIndex: 4)
    let wire = try RaftServerpb_RaftLocalState(serializedBytes: state.encoded())
    #expect(wire.hardState.term == 1 && wire.hardState.vote == 2 && wire.hardState.commit == 3)
    #expect(wire.lastIndex == 4)
    #expect(try RaftLocalState(decoding: wire.serializedBytes()) == state)
  }

  @Test func peerDamage() throws {
    let damage = PeerDamage(peerID: 7, reason: "a")
    #expect(damage.encoded() == [0x08, 7, 0x12, 1, 0x61])
    #expect(try PeerDamage(decoding: damage.encoded()) == damage)
    #expect(damage.encoded().count == damage.protoSize)
    #expect(try KeyLayout.decodeDamage(KeyLayout.damage(regionID: 9)) == 9)
    #expect(throws: CodecError.self) { try KeyLayout.decodeDamage([1, 5, 0]) }
  }

  @Test(arguments: PeerState.allCases)
  func regionState(state: PeerState) throws {
    var values = RandomValues(51)
    let local = RegionLocalState(
      state: state, region: values.region(), merge: values.optional { $0.mergeState() })
    let wire = try RaftServerpb_RegionLocalState(serializedBytes: local.encoded())
    #expect(wire.state.rawValue == state.rawValue)
    #expect(try Region(wire.region) == local.region)
    #expect(try RegionLocalState(decoding: wire.serializedBytes()) == local)
  }

  @Test func snapshotData() throws {
    var values = RandomValues(52)
    let data = RaftSnapshotData(
      region: values.region(), fileSize: 300,
      meta: SnapshotMeta(
        files: [
          SnapshotFile(cf: "default", size: 200, checksum: .max), SnapshotFile(cf: "lock"),
          SnapshotFile(cf: "write", size: 100, checksum: 5),
        ], forBalance: true, start: 9, generateDurationSeconds: 10, commitIndexHint: 11))
    #expect(data.meta.totalSize == 300)
    let wire = try RaftServerpb_RaftSnapshotData(serializedBytes: data.encoded())
    #expect(wire.unknownFields.data.isEmpty && wire.meta.unknownFields.data.isEmpty)
    #expect(wire.fileSize == 300 && wire.version == 2)
    #expect(wire.meta.cfFiles.map(\.cf) == ["default", "lock", "write"])
    #expect(wire.meta.cfFiles.map(\.checksum) == [.max, 0, 5])
    #expect(wire.meta.forBalance && wire.meta.start == 9 && wire.meta.commitIndexHint == 11)
    #expect(try RaftSnapshotData(decoding: wire.serializedBytes()) == data)
  }

  @Test func aSnapshotFileNameMustBeText() {
    #expect(throws: CodecError.self) { try SnapshotFile(decoding: [0x0A, 2, 0xC3, 0x28]) }
  }
}
