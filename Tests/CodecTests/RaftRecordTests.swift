import Codec
import Protobuf
import Raft
import SwiftProtobuf
import Testing
import Wire

/// Raft messages, entries and envelopes against the generated messages.
struct RaftRecordTests {
  /// Our bytes, read and written by the generated message, are the same value to us again; and
  /// the generated message found a place for every field.
  private func check<Record: ProtoRecord & Equatable, Generated: SwiftProtobuf.Message>(
    _ record: Record, as type: Generated.Type
  ) throws {
    let bytes = record.encoded()
    #expect(bytes.count == record.protoSize)
    #expect(try Record(decoding: bytes) == record)
    let generated = try Generated(serializedBytes: bytes)
    #expect(generated.unknownFields.data.isEmpty)
    let again: [UInt8] = try generated.serializedBytes()
    #expect(again == bytes)
    #expect(try Record(decoding: again) == record)
  }

  /// The one field of ours in a message of TiKV's: whoever does not know it keeps it.
  @Test func aCertainWishToRollBackIsKeptByOthers() throws {
    let extra = ExtraMessage(kind: .wantRollbackMerge, index: 7, isCertain: true)
    let generated = try RaftServerpb_ExtraMessage(serializedBytes: extra.encoded() as [UInt8])
    #expect(!generated.unknownFields.data.isEmpty && generated.index == 7)
    let again: [UInt8] = try generated.serializedBytes()
    #expect(try ExtraMessage(decoding: again) == extra)
  }

  @Test func everyRecordIsItsGeneratedMessage() throws {
    var values = RandomValues(11)
    for _ in 0..<200 {
      try check(values.entry(), as: Eraftpb_Entry.self)
      try check(values.message(), as: Eraftpb_Message.self)
      try check(values.snapshot(), as: Eraftpb_Snapshot.self)
      try check(values.confState(), as: Eraftpb_ConfState.self)
      try check(
        Raft.HardState(term: values.number(), vote: values.number(), commit: values.number()),
        as: Eraftpb_HardState.self)
      try check(values.extra(), as: RaftServerpb_ExtraMessage.self)
      try check(values.envelope(), as: RaftServerpb_RaftMessage.self)
      try check(
        RaftBatch(messages: values.list { $0.envelope() }, lastObservedTime: values.number()),
        as: Tikvpb_BatchRaftMessage.self)
      try check(
        SnapshotChunk(message: values.optional { $0.envelope() }, data: values.bytes()),
        as: RaftServerpb_SnapshotChunk.self)
    }
  }

  @Test func messageFieldsHaveTheNumbersOfTiKV() throws {
    var message = Raft.Message(.appendResponse, to: 1, from: 2, term: 3)
    message.logTerm = 4
    message.index = 5
    message.commit = 6
    message.reject = true
    message.rejectHint = 7
    message.context = [8]
    message.priority = -9
    message.entries = [Raft.Entry(type: .confChangeV2, term: 10, index: 11, data: [12])]
    let wire = try Eraftpb_Message(serializedBytes: message.encoded())
    #expect(wire.msgType == .msgAppendResponse)
    #expect(wire.to == 1 && wire.from == 2 && wire.term == 3 && wire.logTerm == 4)
    #expect(wire.index == 5 && wire.commit == 6 && wire.reject && wire.rejectHint == 7)
    #expect(wire.context == [8].data && wire.priority == -9 && !wire.hasSnapshot)
    #expect(wire.entries.first?.entryType == .entryConfChangeV2)
    #expect(wire.entries.first?.term == 10 && wire.entries.first?.index == 11)
    #expect(wire.entries.first?.data == [12].data)
  }

  @Test func messageTypesHaveTheNumbersOfTiKV() {
    let pairs: [(Raft.MessageType, Eraftpb_MessageType)] = [
      (.hup, .msgHup), (.beat, .msgBeat), (.propose, .msgPropose), (.append, .msgAppend),
      (.appendResponse, .msgAppendResponse), (.vote, .msgRequestVote),
      (.voteResponse, .msgRequestVoteResponse), (.snapshot, .msgSnapshot),
      (.heartbeat, .msgHeartbeat), (.heartbeatResponse, .msgHeartbeatResponse),
      (.unreachable, .msgUnreachable), (.snapshotStatus, .msgSnapStatus),
      (.checkQuorum, .msgCheckQuorum), (.transferLeader, .msgTransferLeader),
      (.timeoutNow, .msgTimeoutNow), (.readIndex, .msgReadIndex),
      (.readIndexResponse, .msgReadIndexResp), (.preVote, .msgRequestPreVote),
      (.preVoteResponse, .msgRequestPreVoteResponse),
    ]
    #expect(pairs.count == Eraftpb_MessageType.allCases.count)
    for (ours, theirs) in pairs { #expect(Int(ours.rawValue) == theirs.rawValue) }
  }

  @Test func anEnvelopeNamesItsPeersEvenWithoutAMessage() throws {
    let envelope = RaftEnvelope(
      regionID: 1, from: PeerInfo(id: 2, storeID: 3), to: PeerInfo(id: 4, storeID: 5),
      epoch: RegionEpoch(confVersion: 6, version: 7), isTombstone: true,
      extra: ExtraMessage(kind: .checkStalePeerResponse, checkPeers: [PeerInfo(id: 8, storeID: 9)]))
    let wire = try RaftServerpb_RaftMessage(serializedBytes: envelope.encoded())
    #expect(!wire.hasMessage && wire.isTombstone && wire.hasRegionEpoch)
    #expect(wire.fromPeer == envelope.from.wire && wire.toPeer == envelope.to.wire)
    #expect(wire.extraMsg.type == .msgCheckStalePeerResponse)
    #expect(wire.extraMsg.checkPeers.map(\.id) == [8])
  }

  @Test func listsOfNumbersMayComeUnpacked() throws {
    let state = try Raft.ConfState(decoding: [0x08, 1, 0x08, 2, 0x0A, 2, 3, 4, 0x10, 5])
    #expect(state == Raft.ConfState(voters: [1, 2, 3, 4], learners: [5]))
  }

  @Test func unknownFieldsOfEveryWireTypeArePassedOver() throws {
    let strange: [UInt8] =
      [0xC0, 0x3E, 0x96, 0x01]  // number
      + [0xC1, 0x3E, 1, 2, 3, 4, 5, 6, 7, 8]  // eight bytes
      + [0xC2, 0x3E, 3, 9, 9, 9]  // length and bytes
      + [0xC3, 0x3E, 0x08, 1, 0x0B, 0x0C, 0xC4, 0x3E]  // a group with one inside
      + [0xC5, 0x3E, 1, 2, 3, 4]  // four bytes
    let peer = PeerInfo(id: 1, storeID: 2)
    #expect(try PeerInfo(decoding: strange + peer.encoded() + strange) == peer)
    // A known field of another wire type is as good as unknown.
    #expect(try PeerInfo(decoding: [0x0A, 1, 0xFF] + peer.encoded()) == peer)
  }

  @Test func anUnknownEnumerationNumberIsAnError() {
    #expect(throws: CodecError.self) { try PeerInfo(decoding: [0x18, 4]) }
    #expect(throws: CodecError.self) { try Raft.Entry(decoding: [0x08, 3]) }
    // Types of messages that are local to a node.
    for type in 19...24 as ClosedRange<UInt8> {
      #expect(throws: CodecError.self) { try Raft.Message(decoding: [0x08, type]) }
    }
  }

  @Test func groupsThatDoNotCloseOrNestTooDeepAreRefused() {
    #expect(throws: CodecError.self) { try PeerInfo(decoding: [0x2B]) }
    #expect(throws: CodecError.self) { try PeerInfo(decoding: [0x2B, 0x34]) }
    #expect(throws: CodecError.self) { try PeerInfo(decoding: [0x2C]) }
    #expect(throws: CodecError.self) {
      try PeerInfo(decoding: [UInt8](repeating: 0x2B, count: 100_000))
    }
  }

  @Test func encodingIntoBytesAppends() throws {
    let peer = PeerInfo(id: 1, storeID: 300)
    var bytes: [UInt8] = [0xAA]
    peer.encode(into: &bytes)
    #expect(bytes == [0xAA] + peer.encoded())
  }

  /// The fullest batch that a store sends: as many entries as fit, the smallest there are.
  @Test func aFullBatchOfRaftMessagesPasses() throws {
    let header = CommandHeader(
      regionID: 2, peer: PeerInfo(id: 3, storeID: 1), epoch: .initial, term: 6)
    var requests = RequestList()
    requests.put(.default, [1], [])
    let data = CommandCodec.encode(header, [requests])
    let count = (9 << 20) / (data.count + 24)
    let entries = (0..<UInt64(count)).map { Raft.Entry(term: 6, index: 1 << 40 + $0, data: data) }
    var message = Raft.Message(.append, to: 3, from: 4, term: 6)
    message.entries = entries
    let envelope = RaftEnvelope(
      regionID: 2, from: PeerInfo(id: 4, storeID: 2), to: PeerInfo(id: 3, storeID: 1),
      message: message)
    let bytes = RaftBatch(messages: [envelope]).encoded()
    #expect(bytes.count > FieldCount.limit)
    try FieldCount.check(bytes.span.bytes, .raftBatch)
  }
}
