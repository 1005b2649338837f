import Codec
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
        RegionLocalState(state: .applying, region: values.region()).encoded())
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
