import Protobuf
import Runtime
import Testing

@testable import Raft

/// util_test and types_test, and the encoding of membership changes.
@Suite struct TypesTests {
  @Test func testDescribeEntry() {
    var entry = Entry(term: 1, index: 2, data: bytes("hello\u{0}world"))
    #expect(Describe.entry(entry) == #"1/2 EntryNormal "hello\x00world""#)
    #expect(
      Describe.entry(entry) { String(decoding: $0, as: UTF8.self).uppercased() }
        == "1/2 EntryNormal HELLO\u{0}WORLD")
    entry.data = []
    #expect(Describe.entry(entry) == #"1/2 EntryNormal """#)
    let leave = Entry(type: .confChangeV2, term: 3, index: 4)
    #expect(Describe.entry(leave) == "3/4 EntryConfChangeV2")
  }

  @Test func bytesAreQuotedAsInGo() {
    #expect(QuotedBytes(bytes("a\"b\\c\n\t\r\u{7f}é→")).description == #""a\"b\\c\n\t\r\x7fé→""#)
    #expect(QuotedBytes([0xff, 0x61, 0xe2, 0x86]).description == #""\xffa\xe2\x86""#)
    #expect(QuotedBytes(bytes("\u{a0}\u{200b}")).description == #""\u00a0\u200b""#)
  }

  @Test func testLimitSize() {
    let all = entries([4, 5, 6], after: 3)
    let size = all.map(\.encodedSize)
    func count(_ limit: UInt64) -> Int { EntryLimits.prefixCount(of: all, maxSize: limit) }
    #expect(count(.max) == 3)
    #expect(count(0) == 1)
    #expect(count(size[0] + size[1]) == 2)
    #expect(count(size[0] + size[1] + size[2] / 2) == 2)
    #expect(count(size[0] + size[1] + size[2] - 1) == 2)
    #expect(count(size[0] + size[1] + size[2]) == 3)
    #expect(EntryLimits.prefixCount(of: [], maxSize: 0) == 0)
  }

  @Test func encodedSizeIsThatOfProtobuf() {
    #expect(Entry().encodedSize == 0)
    #expect(Entry(term: 1, index: 127).encodedSize == 4)
    #expect(Entry(term: 128, index: 1 << 14).encodedSize == 3 + 4)
    #expect(Entry(term: .max, index: 1).encodedSize == 11 + 2)
    #expect(
      Entry(type: .confChange, term: 1, index: 1, data: [UInt8](repeating: 0, count: 200))
        .encodedSize == 2 + 2 + 2 + 1 + 2 + 200)
  }

  @Test func testIsLocalMsg() {
    let local: [MessageType] = [
      .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend,
      .storageAppendResponse, .storageApply, .storageApplyResponse,
    ]
    for type in MessageType.allCases { #expect(type.isLocal == local.contains(type)) }
  }

  @Test func testIsResponseMsg() {
    let responses: [MessageType] = [
      .appendResponse, .voteResponse, .heartbeatResponse, .unreachable, .readIndexResponse,
      .preVoteResponse, .storageAppendResponse, .storageApplyResponse,
    ]
    for type in MessageType.allCases { #expect(type.isResponse == responses.contains(type)) }
  }

  @Test func testPayloadSizeOfEmptyEntry() {
    #expect(Entry(term: 5, index: 9).payloadSize == 0)
    #expect(EntryLimits.payloadSize(of: [Entry(), Entry(data: [1, 2])]) == 2)
  }

  @Test func testEntryID() {
    let entry = Entry(term: 5, index: 9, data: bytes("x"))
    let id = EntryID(term: entry.term, index: entry.index)
    #expect(id == EntryID(term: 5, index: 9))
    #expect(id != EntryID(term: 4, index: 9) && id != EntryID(term: 5, index: 8))
  }

  // MARK: Encoding

  @Test func changesSurviveTheirEncoding() throws {
    let old = [
      ConfChange(), ConfChange(id: 7, type: .addLearnerNode, nodeID: 300, context: bytes("ctx")),
      ConfChange(type: .removeNode, nodeID: .max), ConfChange(type: .updateNode, nodeID: 1),
    ]
    for change in old { #expect(try ConfChange(decoding: change.encoded()) == change) }
    let new = [
      ConfChangeV2(),
      ConfChangeV2(
        transition: .jointExplicit,
        changes: [
          ConfChangeSingle(), ConfChangeSingle(type: .addLearnerNode, nodeID: 9),
          ConfChangeSingle(type: .removeNode, nodeID: 2),
        ], context: bytes("ctx")),
    ]
    for change in new { #expect(try ConfChangeV2(decoding: change.encoded()) == change) }
    #expect(ConfChangeV2().encoded().isEmpty)
  }

  @Test func encodingIsThatOfTiKV() {
    let change = ConfChange(id: 1, type: .addLearnerNode, nodeID: 300, context: [9])
    #expect(
      change.encoded() == [0x08, 1, 0x10, 2, 0x18, 0xac, 0x02, 0x22, 1, 9])
    let joint = ConfChangeV2(
      transition: .jointImplicit,
      changes: [ConfChangeSingle(type: .removeNode, nodeID: 4), ConfChangeSingle()])
    #expect(joint.encoded() == [0x08, 1, 0x12, 4, 0x08, 1, 0x10, 4, 0x12, 0])
  }

  @Test func unknownFieldsAreSkipped() throws {
    let extra: [UInt8] = [0x18, 4, 0x2a, 2, 1, 2, 0x31, 1, 2, 3, 4, 5, 6, 7, 8, 0x3d, 1, 2, 3, 4]
    #expect(try ConfChange(decoding: extra) == ConfChange(nodeID: 4))
    for cut in 3..<extra.count where ![6, 15].contains(cut) {
      #expect(throws: CodecError.self, "cut at \(cut)") {
        try ConfChange(decoding: Array(extra.prefix(cut)))
      }
    }
  }

  /// A known field of another wire type is damage in a log entry, and not an unknown field.
  @Test func changesOfAnotherWireTypeAreRefused() throws {
    let change = Entry(type: .confChange, data: [0x1a, 1, 4])
    #expect(throws: RaftError.self) { try ConfChangeV2.carried(by: change) }
    let nested = Entry(type: .confChangeV2, data: [0x12, 3, 0x12, 1, 4])
    #expect(throws: RaftError.self) { try ConfChangeV2.carried(by: nested) }
    let good = Entry(type: .confChange, data: [0x18, 4])
    #expect(try ConfChangeV2.carried(by: good)?.changes == [ConfChangeSingle(nodeID: 4)])
  }

  @Test func decodingArbitraryBytesNeverTraps() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<20_000 {
      let noise = (0..<Int.random(in: 0...24, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      _ = try? ConfChange(decoding: noise)
      _ = try? ConfChangeV2(decoding: noise)
    }
  }

  @Test func configsAreValidated() {
    func check(_ text: String, _ damage: (inout Config) -> Void) {
      var config = Config(id: 1)
      damage(&config)
      #expect(throws: RaftError.invalidConfig(text)) {
        try RawNode(config: config, storage: MemoryStorage())
      }
    }
    check("cannot use none as id") { $0.id = 0 }
    check("cannot use local target as id") { $0.id = NodeID.appendThread }
    check("cannot use local target as id") { $0.id = NodeID.applyThread }
    check("heartbeat tick must be greater than 0") { $0.heartbeatTick = 0 }
    check("election tick must be greater than heartbeat tick") { $0.electionTick = 1 }
    check("max inflight messages must be greater than 0") { $0.maxInflightMessages = 0 }
    check("max inflight bytes must be >= max message size") { $0.maxInflightBytes = 1 }
    check("CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased") {
      $0.readOnlyOption = .leaseBased
    }
  }
}
