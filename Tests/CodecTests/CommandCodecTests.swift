import Codec
import Protobuf
import Raft
import SwiftProtobuf
import Testing
import Wire

/// Log entries: our bytes are those of the generated message, and the other way round.
struct CommandCodecTests {
  private let header = CommandHeader(
    regionID: 2, peer: PeerInfo(id: 3, storeID: 1), epoch: RegionEpoch(confVersion: 1, version: 5),
    term: 6)

  @Test func aPutIsTheKnownBytes() {
    let bytes = CommandCodec.encode(
      header, RequestList([.put(cf: .default, key: [0x61], value: [0x62, 0x63])]))
    #expect(
      bytes == [
        0x0A, 16, 0x08, 2, 0x12, 4, 0x08, 3, 0x10, 1, 0x2A, 4, 0x08, 1, 0x10, 5, 0x30, 6,
        0x12, 11, 0x08, 3, 0x22, 7, 0x12, 1, 0x61, 0x1A, 2, 0x62, 0x63,
      ])
  }

  @Test func theGeneratedMessageReadsWhatWeWrite() throws {
    var values = RandomValues(1)
    for _ in 0..<500 {
      let command = values.command()
      let wire = try RaftCmdpb_RaftCmdRequest(serializedBytes: CommandCodec.encode(command))
      #expect(wire.unknownFields.data.isEmpty)
      #expect(wire.header.regionID == command.header.regionID)
      #expect(wire.header.term == command.header.term)
      #expect(wire.header.uuid == command.header.uuid.data)
      #expect(try PeerInfo(wire.header.peer) == command.header.peer)
      #expect(RegionEpoch(wire.header.regionEpoch) == command.header.epoch)
      #expect(wire.requests.map(plain) == command.mutations)
      #expect(wire.hasAdminRequest == (command.admin != nil))
      // Writing the message again gives the same fields, so nothing of ours was misplaced.
      #expect(try CommandCodec.decode(wire.serializedBytes()) == command)
    }
  }

  @Test func adminCommandsHaveTheirOwnFields() throws {
    func admin(_ command: AdminCommand) throws -> RaftCmdpb_AdminRequest {
      let bytes = CommandCodec.encode(header, command)
      return try RaftCmdpb_RaftCmdRequest(serializedBytes: bytes).adminRequest
    }
    let peer = PeerInfo(id: 9, storeID: 4, role: .learner)
    let change = AdminCommand.PeerChange(type: .addLearnerNode, peer: peer)

    let one = try admin(.changePeer(change))
    #expect(one.cmdType == .changePeer)
    #expect(one.changePeer.changeType == .addLearnerNode)
    #expect(one.changePeer.peer == peer.wire)

    let many = try admin(.changePeerV2([change, change]))
    #expect(many.cmdType == .changePeerV2)
    #expect(many.changePeerV2.changes.map(\.peer) == [peer.wire, peer.wire])

    let leave = try admin(.changePeerV2([]))
    #expect(leave.cmdType == .changePeerV2 && leave.hasChangePeerV2)

    let compact = try admin(.compactLog(index: 7, term: 8))
    #expect(compact.cmdType == .compactLog)
    #expect(compact.compactLog.compactIndex == 7 && compact.compactLog.compactTerm == 8)

    let transfer = try admin(.transferLeader(peer: peer, candidates: [peer]))
    #expect(transfer.cmdType == .transferLeader)
    #expect(transfer.transferLeader.peer == peer.wire)
    #expect(transfer.transferLeader.peers == [peer.wire])

    let split = AdminCommand.Split(key: [1, 2], newRegionID: 30, newPeerIDs: [31, 32, 33])
    let splits = try admin(
      .batchSplit(.init(splits: [split], rightDerive: true, sharesSize: true)))
    #expect(splits.cmdType == .batchSplit && splits.splits.rightDerive)
    #expect(splits.splits.shareSourceRegionSize)
    #expect(splits.splits.requests.first?.splitKey == split.key.data)
    #expect(splits.splits.requests.first?.newRegionID == 30)
    #expect(splits.splits.requests.first?.newPeerIds == [31, 32, 33])

    let compute = try admin(.computeHash(context: [0]))
    #expect(compute.cmdType == .computeHash && [UInt8](compute.computeHash.context) == [0])
    let verify = try admin(.verifyHash(index: 7, hash: [1, 2], context: [0]))
    #expect(verify.cmdType == .verifyHash && verify.verifyHash.index == 7)
    #expect([UInt8](verify.verifyHash.hash) == [1, 2] && [UInt8](verify.verifyHash.context) == [0])
  }

  /// The bytes of merges, as TiKV's messages read them.
  @Test func mergesAreTiKVs() throws {
    let region = Region(
      id: 7, startKey: [1], endKey: [2], epoch: RegionEpoch(confVersion: 3, version: 4),
      peers: [PeerInfo(id: 8, storeID: 9)])
    func admin(_ command: AdminCommand) throws -> RaftCmdpb_AdminRequest {
      let bytes = CommandCodec.encode(header, command)
      return try RaftCmdpb_RaftCmdRequest(serializedBytes: bytes).adminRequest
    }
    let prepared = try admin(.prepareMerge(.init(minIndex: 11, target: region)))
    #expect(prepared.cmdType == .prepareMerge && prepared.prepareMerge.minIndex == 11)
    #expect(prepared.prepareMerge.target.id == 7)
    let entry = Raft.Entry(term: 5, index: 12, data: [1, 2])
    let committed = try admin(
      .commitMerge(.init(source: region, commit: 12, entries: [entry])))
    #expect(committed.cmdType == .commitMerge && committed.commitMerge.source.id == 7)
    #expect(committed.commitMerge.commit == 12)
    #expect(committed.commitMerge.entries.first?.index == 12)
    let rolledBack = try admin(.rollbackMerge(commit: 13))
    #expect(rolledBack.cmdType == .rollbackMerge && rolledBack.rollbackMerge.commit == 13)
  }

  /// A merge with more entries than any store makes is refused before they are all in memory.
  @Test func tooManyEntriesOfAMergeAreRefused() throws {
    let entries = (1...5000 as ClosedRange<UInt64>).map { Raft.Entry(term: 1, index: $0) }
    let bytes = CommandCodec.encode(
      header, .commitMerge(.init(source: Region(), commit: 5000, entries: entries)))
    #expect(throws: CodecError.self) { try CommandCodec.decode(bytes) }
  }

  @Test func manyListsBecomeOneEntryInTheirOrder() throws {
    var values = RandomValues(2)
    let parts = (0..<5).map { _ in values.list(6) { $0.mutation() } }
    let bytes = CommandCodec.encode(header, parts.map { RequestList($0) })
    #expect(
      try CommandCodec.decode(bytes) == Command(header: header, mutations: parts.flatMap(\.self)))

    var joined = RequestList()
    for part in parts { joined.append(RequestList(part)) }
    #expect(joined.count == parts.map(\.count).reduce(0, +))
    #expect(CommandCodec.encode(header, joined) == bytes)
    #expect(bytes.count == CommandCodec.size(of: header) + joined.bytes.count)
    #expect(try CommandCodec.header(of: bytes) == header)
  }

  @Test func aVisitorThatDeclinesIsNotCalledAgain() throws {
    var counter = Counter(accepts: false)
    try CommandCodec.visit(
      CommandCodec.encode(header, RequestList([.delete(cf: .lock, key: [1])])), &counter)
    #expect(counter.begun == 1 && counter.changes == 0)
    counter.accepts = true
    try CommandCodec.visit(
      CommandCodec.encode(header, RequestList([.delete(cf: .lock, key: [1])])), &counter)
    #expect(counter.begun == 2 && counter.changes == 1)
  }

  @Test func aListCanBeVisitedBeforeItIsInAnEntry() throws {
    var counter = Counter(accepts: true)
    try CommandCodec.visit(
      RequestList([.delete(cf: .lock, key: [1]), .put(cf: .write, key: [2], value: [])]),
      &counter)
    #expect(counter.begun == 0 && counter.changes == 2)
  }

  @Test func malformedCommandsAreRefusedWithTheReason() {
    func reason(_ bytes: [UInt8]) -> CodecError.Reason? {
      do throws(CodecError) {
        _ = try CommandCodec.decode(bytes)
        return nil
      } catch {
        return error.reason
      }
    }
    let empty: [UInt8] = [0x0A, 0]
    #expect(reason([]) == .missing)
    #expect(reason([0x0A, 5, 1]) == .truncated)
    #expect(
      reason([0x0A, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1])
        == .malformedVarint)
    #expect(reason([0x07]) == .malformedTag)
    #expect(reason(empty) == nil)
    // A request without a type, of an unknown type, without its body, with two bodies.
    #expect(reason(empty + [0x12, 0]) == .unknownNumber(0))
    #expect(reason(empty + [0x12, 2, 0x08, 99]) == .unknownNumber(99))
    #expect(reason(empty + [0x12, 2, 0x08, 3]) == .missing)
    #expect(reason(empty + [0x12, 4, 0x08, 3, 0x2A, 0]) == .missing)
    #expect(reason(empty + [0x12, 6, 0x08, 3, 0x22, 0, 0x22, 0]) == .repeated)
    // A family that does not exist.
    #expect(reason(empty + [0x12, 7, 0x08, 3, 0x22, 3, 0x0A, 1, 0x78]) == .unsupported)
    // An admin request of an unknown type, without its body, twice.
    #expect(reason(empty + [0x1A, 2, 0x08, 77]) == .unknownNumber(77))
    #expect(reason(empty + [0x1A, 2, 0x08, 3]) == .missing)
    let compact: [UInt8] = [0x1A, 4, 0x08, 3, 0x22, 0]
    #expect(reason(empty + compact) == nil)
    #expect(reason(empty + compact + compact) == .repeated)
    // A status request has no place in a log.
    #expect(reason(empty + [0x22, 0]) == .unsupported)
  }

  @Test func damagedEntriesNeverTrap() {
    var values = RandomValues(3)
    var refused = 0
    for _ in 0..<20_000 {
      let bytes = values.damaged(CommandCodec.encode(values.command()))
      do throws(CodecError) { _ = try CommandCodec.decode(bytes) } catch { refused += 1 }
    }
    #expect(refused > 1_000)
  }

  private func plain(_ request: RaftCmdpb_Request) -> Mutation? {
    switch request.cmdType {
    case .put:
      DataCF(name: request.put.cf).map {
        .put(cf: $0, key: [UInt8](request.put.key), value: [UInt8](request.put.value))
      }
    case .delete:
      DataCF(name: request.delete.cf).map { .delete(cf: $0, key: [UInt8](request.delete.key)) }
    case .deleteRange:
      DataCF(name: request.deleteRange.cf).map {
        .deleteRange(
          cf: $0, start: [UInt8](request.deleteRange.startKey),
          end: [UInt8](request.deleteRange.endKey), notifyOnly: request.deleteRange.notifyOnly)
      }
    default: nil
    }
  }
}

/// Counts what it visits.
private struct Counter: CommandVisitor {
  var accepts: Bool
  var begun = 0
  var changes = 0

  mutating func begin(_ header: CommandHeader) -> Bool {
    begun += 1
    return accepts
  }

  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) { changes += 1 }
  mutating func delete(_ cf: DataCF, _ key: RawSpan) { changes += 1 }
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) { changes += 1 }
  mutating func admin(_ command: AdminCommand) { changes += 1 }
}
