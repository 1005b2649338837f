import Codec
import Raft

/// A generator whose numbers follow from its seed alone.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Makes values of every shape, zeros and empties among them.
struct RandomValues {
  var generator: SeededGenerator

  init(_ seed: UInt64) { generator = SeededGenerator(seed) }

  mutating func number() -> UInt64 {
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: 0
    case 1: UInt64.random(in: 0..<128, using: &generator)
    case 2: UInt64.random(in: 0..<1 << 20, using: &generator)
    case 3: .max
    default: generator.next() >> UInt64.random(in: 0..<64, using: &generator)
    }
  }

  mutating func bool() -> Bool { Bool.random(using: &generator) }

  mutating func count(_ limit: Int = 4) -> Int { Int.random(in: 0..<limit, using: &generator) }

  mutating func bytes(_ limit: Int = 40) -> [UInt8] {
    (0..<count(limit)).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  mutating func one<Choices: RandomAccessCollection>(of choices: Choices) -> Choices.Element {
    choices[
      choices.index(choices.startIndex, offsetBy: count(choices.count))]
  }

  mutating func list<Value>(
    _ limit: Int = 4, _ make: (inout RandomValues) -> Value
  ) -> [Value] {
    (0..<count(limit)).map { _ in make(&self) }
  }

  mutating func optional<Value>(_ make: (inout RandomValues) -> Value) -> Value? {
    bool() ? make(&self) : nil
  }

  mutating func peer() -> PeerInfo {
    PeerInfo(id: number(), storeID: number(), role: one(of: PeerRole.allCases), isWitness: bool())
  }

  mutating func epoch() -> RegionEpoch { RegionEpoch(confVersion: number(), version: number()) }

  mutating func region() -> Region {
    Region(
      id: number(), startKey: bytes(), endKey: bytes(), epoch: epoch(),
      peers: list { $0.peer() })
  }

  mutating func header() -> CommandHeader {
    CommandHeader(
      regionID: number(), peer: peer(), epoch: epoch(), term: number(), syncLog: bool(),
      uuid: bytes(), flags: number())
  }

  mutating func mutation() -> Mutation {
    let cf = one(of: DataCF.allCases)
    return switch count(3) {
    case 0: .put(cf: cf, key: bytes(), value: bytes(300))
    case 1: .delete(cf: cf, key: bytes())
    default: .deleteRange(cf: cf, start: bytes(), end: bytes(), notifyOnly: bool())
    }
  }

  mutating func peerChange() -> AdminCommand.PeerChange {
    AdminCommand.PeerChange(
      type: one(of: AdminCommand.ChangeType.allCases), peer: peer())
  }

  mutating func admin() -> AdminCommand {
    switch count(10) {
    case 0: .changePeer(peerChange())
    case 1: .changePeerV2(list { $0.peerChange() })
    case 2: .compactLog(index: number(), term: number())
    case 3: .transferLeader(peer: peer(), candidates: list { $0.peer() })
    case 4: .prepareMerge(.init(minIndex: number(), target: region()))
    case 5:
      .commitMerge(.init(source: region(), commit: number(), entries: list { $0.entry() }))
    case 6: .rollbackMerge(commit: number())
    case 7: .computeHash(context: bytes())
    case 8: .verifyHash(index: number(), hash: bytes(), context: bytes())
    default:
      .batchSplit(
        AdminCommand.BatchSplit(
          splits: list {
            AdminCommand.Split(
              key: $0.bytes(), newRegionID: $0.number(), newPeerIDs: $0.list { $0.number() })
          }, rightDerive: bool(), sharesSize: bool()))
    }
  }

  mutating func command() -> Command {
    bool()
      ? Command(header: header(), admin: admin())
      : Command(header: header(), mutations: list(6) { $0.mutation() })
  }

  mutating func entry() -> Raft.Entry {
    Raft.Entry(
      type: one(of: [.normal, .confChange, .confChangeV2]), term: number(), index: number(),
      data: bytes(200))
  }

  mutating func confState() -> Raft.ConfState {
    Raft.ConfState(
      voters: list { $0.number() }, learners: list { $0.number() },
      votersOutgoing: list { $0.number() }, learnersNext: list { $0.number() },
      autoLeave: bool())
  }

  mutating func snapshot() -> Raft.Snapshot {
    Raft.Snapshot(
      data: bytes(),
      metadata: Raft.SnapshotMetadata(
        confState: confState(), index: number(), term: number()))
  }

  /// A message of a kind that crosses the network.
  mutating func message() -> Raft.Message {
    let types = Raft.MessageType.allCases.filter { $0.rawValue <= 18 }
    var message = Raft.Message(one(of: types), to: number(), from: number(), term: number())
    message.logTerm = number()
    message.index = number()
    message.commit = number()
    message.rejectHint = number()
    message.priority = Int64(bitPattern: number())
    message.entries = list { $0.entry() }
    message.context = bytes()
    message.snapshot = optional { $0.snapshot() }
    message.reject = bool()
    return message
  }

  mutating func extra() -> ExtraMessage {
    ExtraMessage(
      kind: one(of: ExtraMessage.Kind.allCases), index: number(),
      checkPeers: list { $0.peer() }, waitData: bool(), forcelyAwaken: bool(),
      checkGCPeer: optional {
        ExtraMessage.CheckGCPeer(
          fromRegionID: $0.number(), checkRegionID: $0.number(), checkRegionEpoch: $0.epoch(),
          checkPeer: $0.peer())
      }, snapGenPrecheckPassed: bool())
  }

  mutating func mergeState() -> MergeState {
    MergeState(minIndex: number(), target: region(), commit: number())
  }

  mutating func envelope() -> RaftEnvelope {
    RaftEnvelope(
      regionID: number(), from: peer(), to: peer(), message: optional { $0.message() },
      epoch: epoch(), isTombstone: bool(), startKey: bytes(), endKey: bytes(),
      mergeTarget: optional { $0.region() }, extra: optional { $0.extra() })
  }

  /// `bytes` with a few of them changed, dropped or doubled.
  mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...count(3) {
      guard !bytes.isEmpty else { return self.bytes() }
      let place = count(bytes.count)
      switch count(4) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
      default: bytes.removeSubrange(place...)
      }
    }
    return bytes
  }
}
