import Protobuf

/// `raft_cmdpb.AdminRequest`: a number that says which command, and that command in its own field.
extension AdminCommand {
  private var number: AdminNumber {
    switch self {
    case .changePeer: .changePeer
    case .changePeerV2: .changePeerV2
    case .compactLog: .compactLog
    case .transferLeader: .transferLeader
    case .batchSplit: .batchSplit
    case .prepareMerge: .prepareMerge
    case .commitMerge: .commitMerge
    case .rollbackMerge: .rollbackMerge
    case .computeHash: .computeHash
    case .verifyHash: .verifyHash
    }
  }

  private var bodySize: Int {
    switch self {
    case .changePeer(let change): change.protoSize
    case .changePeerV2(let changes): ProtoSize.records(changes)
    case .compactLog(let index, let term): ProtoSize.uint64(index) + ProtoSize.uint64(term)
    case .transferLeader(let peer, let candidates):
      ProtoSize.record(peer) + ProtoSize.records(candidates)
    case .batchSplit(let split): split.protoSize
    case .prepareMerge(let merge): merge.protoSize
    case .commitMerge(let merge): merge.protoSize
    case .rollbackMerge(let commit): ProtoSize.uint64(commit)
    case .computeHash(let context): ProtoSize.bytes(context)
    case .verifyHash(let index, let hash, let context):
      ProtoSize.uint64(index) + ProtoSize.bytes(hash) + ProtoSize.bytes(context)
    }
  }

  var protoSize: Int { ProtoSize.number(number.rawValue) + ProtoSize.body(bodySize) }

  func write(to writer: inout ProtoWriter) {
    writer.number(1, number.rawValue)
    switch self {
    case .changePeer(let change):
      writer.record(2, change)
    case .compactLog(let index, let term):
      writer.header(4, bodySize)
      writer.uint64(1, index)
      writer.uint64(2, term)
    case .transferLeader(let peer, let candidates):
      writer.header(5, bodySize)
      writer.record(1, peer)
      writer.records(2, candidates)
    case .batchSplit(let split):
      writer.record(10, split)
    case .changePeerV2(let changes):
      writer.header(11, bodySize)
      writer.records(1, changes)
    case .prepareMerge(let merge):
      writer.record(7, merge)
    case .commitMerge(let merge):
      writer.record(8, merge)
    case .rollbackMerge(let commit):
      writer.header(9, bodySize)
      writer.uint64(1, commit)
    case .computeHash(let context):
      writer.header(12, bodySize)
      writer.bytes(1, context)
    case .verifyHash(let index, let hash, let context):
      writer.header(6, bodySize)
      writer.uint64(1, index)
      writer.bytes(2, hash)
      writer.bytes(3, context)
    }
  }

  /// The command that the number names, which must be there; bodies of others are passed over.
  init(from reader: inout ProtoReader) throws(CodecError) {
    let offset = reader.position
    var number: UInt64 = 0
    var bodies = AdminBodies()
    while try reader.next() {
      if reader.field == 1 {
        try reader.read(&number)
      } else {
        try bodies.merge(from: &reader)
      }
    }
    guard let raw = Int(exactly: number), let known = AdminNumber(rawValue: raw) else {
      throw CodecError(.unknownNumber(number), "admin request type", offset: offset)
    }
    guard let command = bodies.command(known) else {
      throw CodecError(.missing, "admin request body", offset: offset)
    }
    self = command
  }
}

/// The bodies an admin request may hold.
private struct AdminBodies {
  private var changePeer: AdminCommand.PeerChange?
  private var changePeerV2: [AdminCommand.PeerChange]?
  private var compactLog: (index: UInt64, term: UInt64)?
  private var transferLeader: (peer: PeerInfo, candidates: [PeerInfo])?
  private var batchSplit: AdminCommand.BatchSplit?
  private var prepareMerge: AdminCommand.PrepareMerge?
  private var commitMerge: AdminCommand.CommitMerge?
  private var rolledBackCommit: UInt64?
  private var computeHash: [UInt8]?
  private var verifyHash: (index: UInt64, hash: [UInt8], context: [UInt8])?

  func command(_ number: AdminNumber) -> AdminCommand? {
    switch number {
    case .changePeer: changePeer.map { .changePeer($0) }
    case .changePeerV2: changePeerV2.map { .changePeerV2($0) }
    case .compactLog: compactLog.map { .compactLog(index: $0.index, term: $0.term) }
    case .transferLeader:
      transferLeader.map { .transferLeader(peer: $0.peer, candidates: $0.candidates) }
    case .batchSplit: batchSplit.map { .batchSplit($0) }
    case .prepareMerge: prepareMerge.map { .prepareMerge($0) }
    case .commitMerge: commitMerge.map { .commitMerge($0) }
    case .rollbackMerge: rolledBackCommit.map { .rollbackMerge(commit: $0) }
    case .computeHash: computeHash.map { .computeHash(context: $0) }
    case .verifyHash:
      verifyHash.map { .verifyHash(index: $0.index, hash: $0.hash, context: $0.context) }
    }
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    switch reader.field {
    case 2: try reader.read(&changePeer)
    case 4: try mergeCompactLog(from: &reader)
    case 5: try mergeTransferLeader(from: &reader)
    case 10: try reader.read(&batchSplit)
    case 11: try mergeChangePeerV2(from: &reader)
    case 7: try reader.read(&prepareMerge)
    case 8: try reader.read(&commitMerge)
    case 9: try mergeRollback(from: &reader)
    case 12: try mergeComputeHash(from: &reader)
    case 6: try mergeVerifyHash(from: &reader)
    default: try reader.skip()
    }
  }

  private mutating func mergeCompactLog(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var body = compactLog ?? (0, 0)
    while try nested.next() {
      switch nested.field {
      case 1: try nested.read(&body.index)
      case 2: try nested.read(&body.term)
      default: try nested.skip()
      }
    }
    compactLog = body
  }

  private mutating func mergeTransferLeader(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var body = transferLeader ?? (PeerInfo(), [])
    while try nested.next() {
      switch nested.field {
      case 1: try nested.read(&body.peer)
      case 2: try nested.append(to: &body.candidates)
      default: try nested.skip()
      }
    }
    transferLeader = body
  }

  private mutating func mergeRollback(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var commit = rolledBackCommit ?? 0
    while try nested.next() {
      switch nested.field {
      case 1: try nested.read(&commit)
      default: try nested.skip()
      }
    }
    rolledBackCommit = commit
  }

  private mutating func mergeChangePeerV2(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var body = changePeerV2 ?? []
    while try nested.next() {
      switch nested.field {
      case 1: try nested.append(to: &body)
      default: try nested.skip()
      }
    }
    changePeerV2 = body
  }

  private mutating func mergeComputeHash(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var context = computeHash ?? []
    while try nested.next() {
      switch nested.field {
      case 1: try nested.read(&context)
      default: try nested.skip()
      }
    }
    computeHash = context
  }

  private mutating func mergeVerifyHash(from reader: inout ProtoReader) throws(CodecError) {
    guard var nested = try reader.message() else { return }
    var body = verifyHash ?? (0, [], [])
    while try nested.next() {
      switch nested.field {
      case 1: try nested.read(&body.index)
      case 2: try nested.read(&body.hash)
      case 3: try nested.read(&body.context)
      default: try nested.skip()
      }
    }
    verifyHash = body
  }
}
