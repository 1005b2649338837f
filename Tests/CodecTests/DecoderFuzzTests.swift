import Codec
import Protobuf
import Raft
import SwiftProtobuf
import Testing
import Wire

/// Damaged and random bytes: no decoder traps, and where ours accepts, so does the generated one,
/// with the same outcome.
struct DecoderFuzzTests {
  /// Returns whether our decoder accepted.
  private func compare<Record: ProtoRecord & Equatable, Generated: SwiftProtobuf.Message>(
    _ bytes: [UInt8], _ type: Record.Type, _ generated: Generated.Type
  ) -> Bool {
    let ours: Record
    do throws(CodecError) { ours = try Record(decoding: bytes) } catch { return false }
    do {
      let theirs: [UInt8] = try Generated(serializedBytes: bytes).serializedBytes()
      #expect(try Record(decoding: theirs) == ours, "\(bytes.hex)")
    } catch {
      Issue.record("the generated decoder refuses \(bytes.hex): \(error)")
    }
    return true
  }

  @Test(arguments: [21, 22, 23] as [UInt64])
  func damagedRecords(seed: UInt64) {
    var values = RandomValues(seed)
    var accepted = 0
    let rounds = 1_500
    for _ in 0..<rounds {
      let message = values.damaged(values.message().encoded())
      let envelope = values.damaged(values.envelope().encoded())
      let region = values.damaged(values.region().encoded())
      let state = values.damaged(
        RegionLocalState(
          state: .applying, region: values.region(), merge: values.mergeState()
        ).encoded())
      if compare(message, Raft.Message.self, Eraftpb_Message.self) { accepted += 1 }
      if compare(envelope, RaftEnvelope.self, RaftServerpb_RaftMessage.self) { accepted += 1 }
      if compare(region, Region.self, Metapb_Region.self) { accepted += 1 }
      if compare(state, RegionLocalState.self, RaftServerpb_RegionLocalState.self) {
        accepted += 1
      }
    }
    // The damage must neither spare nor kill everything, or this shows nothing.
    #expect(accepted > rounds / 10 && accepted < rounds * 4 - rounds / 10)
  }

  @Test func randomBytes() {
    var values = RandomValues(31)
    for _ in 0..<20_000 {
      let bytes = values.bytes(24)
      _ = compare(bytes, RaftBatch.self, Tikvpb_BatchRaftMessage.self)
      _ = compare(bytes, ApplyState.self, RaftServerpb_RaftApplyState.self)
      _ = compare(bytes, RaftSnapshotData.self, RaftServerpb_RaftSnapshotData.self)
      _ = compare(bytes, Raft.Snapshot.self, Eraftpb_Snapshot.self)
    }
  }

  /// Whether a decoder took damaged bytes; that it does not trap is what is shown.
  private func isTaken(_ body: () throws(CodecError) -> Void) -> Bool {
    do throws(CodecError) {
      try body()
      return true
    } catch {
      return false
    }
  }

  /// What lies on disks and has no generated counterpart, or is read by hand.
  @Test(arguments: [51, 52, 53] as [UInt64])
  func damagedStoredBytes(seed: UInt64) {
    var values = RandomValues(seed)
    var taken = 0
    let rounds = 1_000
    for _ in 0..<rounds {
      let command = values.command()
      let entry =
        command.admin.map { CommandCodec.encode(command.header, $0) }
        ?? CommandCodec.encode(command.header, [RequestList(command.mutations)])
      let state = KeyLayout.regionState(regionID: values.number())
      let version = VersionedKey(userKey: values.bytes(), timestamp: Timestamp(values.number()))
      let damaged = [entry, state, version.encoded(), MemComparable.encode(values.bytes())]
        .map { values.damaged($0) }
      let outcomes = [
        isTaken { () throws(CodecError) in _ = try CommandCodec.decode(damaged[0]) },
        isTaken { () throws(CodecError) in _ = try KeyLayout.decodeRegionState(damaged[1]) },
        isTaken { () throws(CodecError) in _ = try VersionedKey(decoding: damaged[2]) },
        isTaken { () throws(CodecError) in _ = try MemComparable.decode(damaged[3]) },
        isTaken { () throws(CodecError) in _ = try StoreIdent(decoding: damaged[0]) },
        isTaken { () throws(CodecError) in _ = try SnapshotMeta(decoding: damaged[0]) },
      ]
      taken += outcomes.count { $0 }
    }
    #expect(taken > rounds / 10 && taken < rounds * 6 - rounds / 10)
  }

  /// Announcements and chunks of snapshots.
  @Test(arguments: [61, 62] as [UInt64])
  func damagedSnapshots(seed: UInt64) {
    var values = RandomValues(seed)
    var accepted = 0
    let rounds = 1_000
    for _ in 0..<rounds {
      var meta = SnapshotMeta(start: values.number())
      meta.files = values.list {
        SnapshotFile(
          cf: String($0.number()), size: $0.number(),
          checksum: UInt32(truncatingIfNeeded: $0.number()))
      }
      let data = RaftSnapshotData(region: values.region(), fileSize: values.number(), meta: meta)
      let chunk = SnapshotChunk(message: values.envelope(), data: values.bytes())
      let bytes = [data.encoded(), chunk.encoded(), meta.encoded()].map { values.damaged($0) }
      // The generated decoder is stricter: it reads messages in here that ours passes over.
      let outcomes = [
        isTaken { () throws(CodecError) in _ = try RaftSnapshotData(decoding: bytes[0]) },
        isTaken { () throws(CodecError) in _ = try SnapshotChunk(decoding: bytes[1]) },
        isTaken { () throws(CodecError) in _ = try SnapshotMeta(decoding: bytes[2]) },
      ]
      accepted += outcomes.count { $0 }
    }
    #expect(accepted > rounds / 10 && accepted < rounds * 3 - rounds / 10)
  }

  /// Numbers at their ends, lengths beyond the input, nesting without end.
  @Test func hostileBytesAreRefused() {
    let ones = [UInt8](repeating: 0xff, count: 9)
    let hostile: [[UInt8]] = [
      [0x08, 0xff], [0x08] + ones + [0xff, 1], [0x0a, 0x7f, 0], [0x0a] + ones + [1],
      [0x0a, 0xff, 0xff, 0xff, 0xff, 7], [0, 1], [0x0b], [0x0c], [0x0e, 1], [0x0f, 1],
      [UInt8](repeating: 0x0b, count: 100_000),
      [UInt8](repeating: 0x0b, count: 10_000) + [UInt8](repeating: 0x0c, count: 10_000),
      [0x09, 0, 0], ones + [1, 1],
    ]
    for bytes in hostile {
      #expect(throws: CodecError.self) { try RaftBatch(decoding: bytes) }
      #expect(throws: CodecError.self) { try Region(decoding: bytes) }
      #expect(throws: CodecError.self) { try CommandCodec.decode(bytes) }
    }
  }

  @Test func everyPrefixOfAnEnvelopeIsHandled() {
    var values = RandomValues(41)
    for _ in 0..<50 {
      let bytes = values.envelope().encoded()
      for end in bytes.indices {
        _ = compare(
          Array(bytes[..<end]), RaftEnvelope.self, RaftServerpb_RaftMessage.self)
      }
    }
  }
}
