import Codec
import Protobuf
import SwiftProtobuf
import Testing
import Wire

/// Plain types and generated messages stand for each other.
struct WireConversionTests {
  @Test func regions() throws {
    var values = RandomValues(81)
    for _ in 0..<200 {
      let region = values.region()
      #expect(try Region(region.wire) == region)
      // Both ways to bytes are the same way.
      #expect(try region.wire.serializedBytes() == region.encoded())
      let peer = values.peer()
      #expect(try PeerInfo(peer.wire) == peer)
      #expect(try peer.wire.serializedBytes() == peer.encoded())
    }
  }

  @Test func stores() throws {
    for state in StoreInfo.State.allCases {
      for nodeState in StoreInfo.NodeState.allCases {
        let store = StoreInfo(
          id: 1, address: "a:1", peerAddress: "b:2", statusAddress: "c:3", version: "8.5.0",
          gitHash: "abc", startTimestamp: 4, deployPath: "/d", state: state,
          nodeState: nodeState, lastHeartbeat: 5, physicallyDestroyed: true,
          labels: [StoreInfo.Label(key: "zone", value: "z1")])
        let bytes: [UInt8] = try store.wire.serializedBytes()
        #expect(try StoreInfo(Metapb_Store(serializedBytes: bytes)) == store)
        // Both ways to bytes are the same way.
        #expect(store.encoded() == bytes)
        #expect(try StoreInfo(decoding: bytes) == store)
      }
    }
    #expect(StoreInfo(id: 0).encoded().isEmpty)
    #expect(throws: CodecError.self) { try StoreInfo(decoding: [0x18, 9]) }
    #expect(throws: CodecError.self) { try StoreInfo(decoding: [0x12, 2, 0xC3, 0x28]) }
    #expect(throws: CodecError.self) { try StoreInfo(decoding: [0x22, 4, 0x0A, 9, 1, 1]) }
  }

  @Test func clusters() throws {
    for count in [0, 3, .max] as [UInt32] {
      let cluster = Metapb_Cluster.with {
        $0.id = .max
        $0.maxPeerCount = count
      }
      let bytes: [UInt8] = try cluster.serializedBytes()
      let plain = ClusterInfo(id: .max, maxPeerCount: count)
      #expect(plain.encoded() == bytes)
      #expect(try ClusterInfo(decoding: bytes) == plain)
    }
  }

  @Test func unknownEnumerationNumbersAreRefused() {
    var peer = Metapb_Peer()
    peer.role = .UNRECOGNIZED(9)
    #expect(throws: CodecError.self) { try PeerInfo(peer) }
    var store = Metapb_Store()
    store.state = .UNRECOGNIZED(9)
    #expect(throws: CodecError.self) { try StoreInfo(store) }
    var change = Pdpb_ChangePeer()
    change.changeType = .UNRECOGNIZED(-1)
    #expect(throws: CodecError.self) { try AdminCommand.PeerChange(change) }
  }

  static let errors: [RegionError] = [
    .notLeader(regionID: 1, leader: nil),
    .notLeader(regionID: 1, leader: PeerInfo(id: 2, storeID: 3)),
    .regionNotFound(regionID: 1),
    .keyNotInRegion(key: [1], regionID: 2, start: [3], end: []),
    .epochNotMatch(currentRegions: []),
    .epochNotMatch(currentRegions: [Region(id: 1, startKey: [1], peers: [PeerInfo(id: 2)])]),
    .serverIsBusy(reason: "queue full", backoffMs: 5),
    .staleCommand,
    .storeNotMatch(requestStoreID: 1, actualStoreID: 2),
    .raftEntryTooLarge(regionID: 1, entrySize: 2),
    .maxTimestampNotSynced,
    .readIndexNotReady(reason: "r", regionID: 1),
    .proposalInMergingMode(regionID: 1),
    .dataIsNotReady(regionID: 1, peerID: 2, safeTS: 3),
    .regionNotInitialized(regionID: 1),
    .diskFull(storeIDs: [1, 2], reason: "r"),
    .recoveryInProgress(regionID: 1),
    .flashbackInProgress(regionID: 1, flashbackStartTS: 2),
    .flashbackNotPrepared(regionID: 1),
    .isWitness(regionID: 1),
    .mismatchPeerID(requestPeerID: 1, storePeerID: 2),
    .bucketVersionNotMatch(version: 1, keys: [[1], []]),
    .undeterminedResult(message: "m"),
    .other(message: "something else"),
  ]

  @Test(arguments: errors)
  func regionErrors(error: RegionError) throws {
    #expect(!error.wire.message.isEmpty)
    #expect(error.message != "region error")
    let bytes: [UInt8] = try error.wire.serializedBytes()
    #expect(try RegionError(Errorpb_Error(serializedBytes: bytes)) == error)
  }

  @Test func errorsSetTheirOwnFieldOnly() throws {
    var numbers: Set<UInt64> = []
    for error in Self.errors {
      let bytes: [UInt8] = try error.wire.serializedBytes()
      let fields = topLevelFields(bytes)
      #expect(fields.first == 1 && fields.count <= 2, "\(error)")
      numbers.formUnion(fields)
    }
    // Every field `errorpb.Error` has is used by one of them.
    #expect(numbers == Set(1...22))
  }

  @Test func contexts() throws {
    let context = RequestContext(
      regionID: 1, epoch: RegionEpoch(confVersion: 2, version: 3),
      peer: PeerInfo(id: 4, storeID: 5), term: 6, priority: .high, replicaRead: true,
      staleRead: true, clusterID: 7, maxExecutionMs: 8, requestSource: "s", apiVersion: .v2)
    #expect(try RequestContext(context.wire) == context)
    // What the Python client sends.
    let seen: [UInt8] = [8, 2, 0x12, 4, 8, 1, 0x10, 1, 0x1A, 4, 8, 0xB, 0x10, 1]
    let plain = try RequestContext(Kvrpcpb_Context(serializedBytes: seen))
    #expect(
      plain
        == RequestContext(
          regionID: 2, epoch: .initial, peer: PeerInfo(id: 11, storeID: 1)))
    var future = Kvrpcpb_Context()
    future.priority = .UNRECOGNIZED(7)
    #expect(try RequestContext(future).priority == .normal)
    future.apiVersion = .UNRECOGNIZED(7)
    #expect(throws: CodecError.self) { try RequestContext(future) }
  }

  @Test func timestamps() throws {
    let timestamp = Timestamp(physical: 1 << 45, logical: 3)
    #expect(try Timestamp(timestamp.wire) == timestamp)
    var wire = timestamp.wire
    wire.logical = 1 << 18
    #expect(throws: CodecError.self) { try Timestamp(wire) }
    wire.logical = -1
    #expect(throws: CodecError.self) { try Timestamp(wire) }
    wire = timestamp.wire
    wire.physical = 1 << 46
    #expect(throws: CodecError.self) { try Timestamp(wire) }
  }

  @Test func rangesAndMembershipChanges() throws {
    let range = KeyRange(start: [1], end: [2])
    #expect(KeyRange(range.wire) == range && KeyRange(range.pdWire) == range)
    for type in AdminCommand.ChangeType.allCases {
      let change = AdminCommand.PeerChange(type: type, peer: PeerInfo(id: 1, storeID: 2))
      #expect(try AdminCommand.PeerChange(change.wire) == change)
      #expect(UInt64(type.rawValue) == type.raftType.wireValue)
    }
  }

  @Test func fieldsOfOlderClientsAreRead() throws {
    // Field 4 of RawBatchPut: one number, or several, packed or not.
    for bytes in [[0x20, 7], [0x22, 1, 7], [0x20, 7, 0x20, 8]] as [[UInt8]] {
      let request = try Kvrpcpb_RawBatchPutRequest(serializedBytes: bytes)
      #expect(request.unknownFields.data.isEmpty)
    }
    // Field 7 of Prewrite: a list of bool.
    for bytes in [[0x38, 1, 0x38, 0], [0x3A, 2, 1, 0]] as [[UInt8]] {
      let request = try Kvrpcpb_PrewriteRequest(serializedBytes: bytes)
      #expect(request.pessimisticActions == [.doPessimisticCheck, .skipPessimisticCheck])
    }
  }

  /// The numbers of the length-delimited fields of a message that has no others.
  private func topLevelFields(_ bytes: [UInt8]) -> [UInt64] {
    var fields: [UInt64] = []
    var position = 0
    func varint() -> UInt64 {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { break }
        shift += 7
      }
      return value
    }
    while position < bytes.count {
      fields.append(varint() >> 3)
      position += Int(varint())
    }
    return fields
  }
}
