package import Protobuf
package import Raft
import Runtime

// The records of etcd's WAL. The generated code of etcd writes numbers also where they are 0, so that these records are
// written field by field; bytes that it leaves out, nil and not empty ones, are left out here too.

extension ProtoWriter {
  /// A number that is written also where it is 0: a required field of proto2.
  mutating func required(_ field: UInt8, _ value: UInt64) {
    if value == 0 { raw([field << 3, 0]) } else { uint64(field, value) }
  }
}

extension ProtoSize {
  /// The size of `ProtoWriter.required`.
  static func required(_ value: UInt64) -> Int { 1 + varint(value) }
}

/// `walpb.Record`: {type 1, crc 2, data 3}. Fields 14 and 15 are ours: etcd skips fields that it does not know.
struct EtcdRecord: ProtoRecord, Equatable {
  /// The values of `kind`.
  static let metadata: UInt64 = 1
  static let entry: UInt64 = 2
  static let state: UInt64 = 3
  static let crc: UInt64 = 4
  static let snapshot: UInt64 = 5

  var kind: UInt64 = 0
  /// CRC-32C of the data of all records up to this one. In a record of kind `crc`: of those before the segment.
  var crc: UInt32 = 0
  /// Nil: the field does not occur.
  var data: [UInt8]?
  /// What `EtcdLogStore` adds, an `EtcdExtension`; nil: nothing.
  var extra: [UInt8]?
  /// CRC-32C of `extra` alone.
  var extraCRC: UInt32 = 0

  var protoSize: Int {
    var size = ProtoSize.required(kind) + ProtoSize.required(UInt64(crc))
    if let data { size += ProtoSize.body(data.count) }
    if let extra { size += ProtoSize.body(extra.count) + ProtoSize.required(UInt64(extraCRC)) }
    return size
  }

  func write(to writer: inout ProtoWriter) {
    writer.required(1, kind)
    writer.required(2, UInt64(crc))
    if let data {
      writer.header(3, data.count)
      writer.raw(data)
    }
    if let extra {
      writer.header(14, extra.count)
      writer.raw(extra)
      writer.required(15, UInt64(extraCRC))
    }
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&kind)
      case 2: try reader.read(&crc)
      case 3:
        data = data ?? []
        if var value = data.take() {
          try reader.read(&value)
          data = value
        }
      case 14:
        var value: [UInt8] = []
        try reader.read(&value)
        extra = value
      case 15: try reader.read(&extraCRC)
      default: try reader.skip()
      }
    }
  }
}

/// A WAL's record of a snapshot, `walpb.Snapshot`: {index 1, term 2, conf_state 3 since etcd 3.5}.
package struct EtcdSnapshotRecord: Sendable, Equatable {
  package var index: UInt64
  package var term: UInt64
  /// Nil: as etcd 3.4 writes it.
  package var confState: ConfState?

  package init(index: UInt64 = 0, term: UInt64 = 0, confState: ConfState? = nil) {
    self.index = index
    self.term = term
    self.confState = confState
  }
}

extension EtcdSnapshotRecord: ProtoRecord {
  package init() { self.init(index: 0) }

  package var protoSize: Int {
    ProtoSize.required(index) + ProtoSize.required(term)
      + ProtoSize.record(confState.map(EtcdConfState.init))
  }

  package func write(to writer: inout ProtoWriter) {
    writer.required(1, index)
    writer.required(2, term)
    writer.record(3, confState.map(EtcdConfState.init))
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&index)
      case 2: try reader.read(&term)
      case 3: try reader.read(&confState)
      default: try reader.skip()
      }
    }
  }
}

/// `raftpb.ConfState` as etcd writes it: lists are not packed, and the flag is written also where it is false. It is read
/// as `ConfState`, which takes both forms of a list.
struct EtcdConfState: ProtoRecord {
  var value = ConfState()

  private var lists: [(UInt8, [UInt64])] {
    [
      (1, value.voters), (2, value.learners), (3, value.votersOutgoing), (4, value.learnersNext),
    ]
  }

  var protoSize: Int {
    lists.reduce(2) { size, list in list.1.reduce(size) { $0 + ProtoSize.required($1) } }
  }

  func write(to writer: inout ProtoWriter) {
    for (field, ids) in lists {
      for id in ids { writer.required(field, id) }
    }
    writer.required(5, value.autoLeave ? 1 : 0)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    try value.merge(from: &reader)
  }
}

/// `raftpb.Entry` and `raftpb.HardState` as etcd writes them. Their fields have the numbers of `eraftpb`.
enum EtcdEncoding {
  static func bytes(_ entry: Entry) -> [UInt8] {
    let size =
      ProtoSize.required(UInt64(entry.type.rawValue)) + ProtoSize.required(entry.term)
      + ProtoSize.required(entry.index) + ProtoSize.bytes(entry.data)
    var bytes: [UInt8] = []
    ProtoWriter.append(size, to: &bytes) { writer in
      writer.required(1, UInt64(entry.type.rawValue))
      writer.required(2, entry.term)
      writer.required(3, entry.index)
      writer.bytes(4, entry.data)
    }
    return bytes
  }

  static func bytes(_ state: HardState) -> [UInt8] {
    let size =
      ProtoSize.required(state.term) + ProtoSize.required(state.vote)
      + ProtoSize.required(state.commit)
    var bytes: [UInt8] = []
    ProtoWriter.append(size, to: &bytes) { writer in
      writer.required(1, state.term)
      writer.required(2, state.vote)
      writer.required(3, state.commit)
    }
    return bytes
  }
}

/// Encoded records, to be written with one call behind what a WAL has.
struct EtcdFrames {
  private(set) var bytes: [UInt8] = []
  /// The running checksum behind the last record.
  private(set) var crc: UInt32

  init(continuing crc: UInt32) {
    self.crc = crc
  }

  var isEmpty: Bool { bytes.isEmpty }

  mutating func append(_ kind: UInt64, _ data: [UInt8]?, extra: [UInt8]? = nil) {
    if let data { crc = CRC32C.of(data, continuing: crc) }
    let record = EtcdRecord(
      kind: kind, crc: crc, data: data, extra: extra, extraCRC: extra.map { CRC32C.of($0) } ?? 0)
    // The length in the low 56 bits; the top byte has 0x80 and the number of bytes of padding, or is 0 without any. So
    // every length is aligned, and no sector boundary divides it.
    let size = record.protoSize
    let padding = (8 - size % 8) % 8
    let flag: UInt64 = padding == 0 ? 0 : (0x80 | UInt64(padding)) << 56
    bytes.appendLittleEndian(UInt64(size) | flag)
    record.encode(into: &bytes)
    bytes.append(contentsOf: repeatElement(0, count: padding))
  }

  mutating func append(_ entry: Entry) { append(EtcdRecord.entry, EtcdEncoding.bytes(entry)) }

  mutating func append(_ state: HardState, extra: [UInt8]? = nil) {
    append(EtcdRecord.state, EtcdEncoding.bytes(state), extra: extra)
  }

  mutating func append(_ snapshot: EtcdSnapshotRecord) {
    append(EtcdRecord.snapshot, snapshot.encoded())
  }
}

/// `raftpb.ConfChange` {id 1, type 2, node_id 3, context 4} as etcd writes it, with etcd's numbers of types.
struct EtcdConfChange: ProtoRecord {
  var value = ConfChange()

  init(value: ConfChange) {
    self.value = value
  }

  init() {}

  /// Nil if the bytes are none.
  init?(bytes: [UInt8]) {
    do throws(CodecError) {
      try self.init(decoding: bytes)
    } catch {
      return nil
    }
  }

  var protoSize: Int {
    ProtoSize.required(value.id) + ProtoSize.required(UInt64(value.type.rawValue))
      + ProtoSize.required(value.nodeID) + ProtoSize.bytes(value.context)
  }

  func write(to writer: inout ProtoWriter) {
    writer.required(1, value.id)
    writer.required(2, UInt64(value.type.rawValue))
    writer.required(3, value.nodeID)
    writer.bytes(4, value.context)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&value.id)
      case 2: try reader.read(&value.type, "etcd membership change")
      case 3: try reader.read(&value.nodeID)
      case 4: try reader.read(&value.context)
      default: try reader.skip()
      }
    }
  }
}
