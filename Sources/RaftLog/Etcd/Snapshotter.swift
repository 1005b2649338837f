import Protobuf
package import Raft
package import Runtime

/// The snapshot files beside an etcd WAL: `<term>-<index>.snap`, both 16 hexadecimal digits, each a `snappb.Snapshot`
/// {crc 1, data 2} whose data is a `raftpb.Snapshot` and whose checksum is the CRC-32C of the data.
///
/// Other files are left alone, `<index>.snap.db` and `db` among them: they belong to etcd's database. Unlike etcd, which
/// writes files in place, a file appears under its name once it is durable.
package struct Snapshotter: Sendable {
  private let directory: EtcdDirectory

  /// - Parameter path: of an existing directory.
  package init(_ path: String, _ files: any RandomAccessFileSystem) {
    directory = EtcdDirectory(path: path, system: files)
  }

  static func name(_ metadata: SnapshotMetadata) -> String {
    "\(EtcdSegmentName.digits(metadata.term))-\(EtcdSegmentName.digits(metadata.index)).snap"
  }

  /// The names of snapshots, newest first: by term, then index.
  package func names() throws(EtcdWALError) -> [String] {
    try directory.names().filter { EtcdSegmentName.numbers($0, suffix: ".snap") != nil }
      .sorted(by: >)
  }

  /// Names that are neither snapshots nor other known files.
  package func ignored() throws(EtcdWALError) -> [String] {
    try directory.names().filter { name in
      let isKnown =
        EtcdSegmentName.numbers(name, suffix: ".snap") != nil || name == "db"
        || name.hasSuffix(".snap.db") || name.hasSuffix(".broken") || name.hasPrefix("tmp")
      return !isKnown
    }
  }

  /// Stores a snapshot durably. One without an index is not stored.
  package func save(_ snapshot: Snapshot) throws(EtcdWALError) {
    guard !snapshot.isEmpty else { return }
    let bytes = Self.encode(snapshot)
    let name = Self.name(snapshot.metadata)
    let (temporary, target) = (directory.child("tmp-" + name), directory.child(name))
    let path = directory.path
    try directory.performing { (files) throws(FileSystemError) in
      let file = try files.create(temporary, exclusive: false)
      try file.append(bytes)
      try file.sync()
      try files.rename(temporary, to: target)
      try files.syncDirectory(path)
    }
  }

  /// The newest snapshot that can be read. Files that cannot be are renamed to `<name>.broken`. Throws `noSnapshot` if
  /// there is none.
  package func load() throws(EtcdWALError) -> Snapshot {
    try load { _ in true }
  }

  /// The newest snapshot that can be read and that the WAL has a record of.
  package func loadNewestAvailable(
    _ records: [EtcdSnapshotRecord]
  ) throws(EtcdWALError) -> Snapshot {
    try load { metadata in
      records.contains { $0.index == metadata.index && $0.term == metadata.term }
    }
  }

  private func load(
    _ isWanted: (SnapshotMetadata) -> Bool
  ) throws(EtcdWALError) -> Snapshot {
    for name in try names() {
      do throws(EtcdWALError) {
        let snapshot = try read(name)
        if isWanted(snapshot.metadata) { return snapshot }
      } catch {
        if case .files = error { throw error }
        let path = directory.child(name)
        try directory.performing { (files) throws(FileSystemError) in
          try files.rename(path, to: path + ".broken")
        }
      }
    }
    throw .noSnapshot(path: directory.path)
  }

  /// Reads one file.
  package func read(_ name: String) throws(EtcdWALError) -> Snapshot {
    let path = directory.child(name)
    let bytes = try directory.performing { (files) throws(FileSystemError) in
      try files.contents(of: path)
    }
    guard !bytes.isEmpty else { throw .damaged(path: path, offset: 0, reason: "the file is empty") }
    let file: EtcdSnapshotFile = try decode(bytes, path)
    guard !file.data.isEmpty, file.crc != 0 else {
      throw .damaged(path: path, offset: 0, reason: "the snapshot is empty")
    }
    guard CRC32C.of(file.data) == file.crc else { throw .checksumMismatch(path: path, offset: 0) }
    let snapshot: Snapshot = try decode(file.data, path)
    guard snapshot.metadata.index < .max else {
      throw .damaged(path: path, offset: 0, reason: "no entry can follow the snapshot")
    }
    return snapshot
  }

  private func decode<R: ProtoRecord>(_ bytes: [UInt8], _ path: String) throws(EtcdWALError) -> R {
    do throws(CodecError) {
      return try R(decoding: bytes)
    } catch {
      throw .damaged(path: path, offset: 0, reason: "\(error)")
    }
  }

  static func encode(_ snapshot: Snapshot) -> [UInt8] {
    let data = EtcdSnapshot(value: snapshot).encoded()
    return EtcdSnapshotFile(crc: CRC32C.of(data), data: data).encoded()
  }

  /// Removes what crashes and broken files have left, and snapshots below `index`. Files of etcd's database stay.
  ///
  /// - Parameter index: 0: no snapshot is removed.
  package func removeOrphans(below index: UInt64 = 0) throws(EtcdWALError) {
    for name in try directory.names() {
      let isOld = EtcdSegmentName.numbers(name, suffix: ".snap").map { $0.1 < index } ?? false
      guard isOld || name.hasPrefix("tmp") || name.hasSuffix(".snap.broken") else { continue }
      let path = directory.child(name)
      try directory.performing { (files) throws(FileSystemError) in try files.remove(path) }
    }
  }
}

/// `snappb.Snapshot`.
private struct EtcdSnapshotFile: ProtoRecord {
  var crc: UInt32 = 0
  var data: [UInt8] = []

  var protoSize: Int { ProtoSize.required(UInt64(crc)) + ProtoSize.bytes(data) }

  func write(to writer: inout ProtoWriter) {
    writer.required(1, UInt64(crc))
    writer.bytes(2, data)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&crc)
      case 2: try reader.read(&data)
      default: try reader.skip()
      }
    }
  }
}

/// `raftpb.Snapshot` {data 1, metadata 2 {conf_state 1, index 2, term 3}} as etcd writes it. It is read as `Snapshot`.
private struct EtcdSnapshot: ProtoRecord {
  struct Metadata: ProtoRecord {
    var value = SnapshotMetadata()

    var protoSize: Int {
      ProtoSize.record(EtcdConfState(value: value.confState)) + ProtoSize.required(value.index)
        + ProtoSize.required(value.term)
    }

    func write(to writer: inout ProtoWriter) {
      writer.record(1, EtcdConfState(value: value.confState))
      writer.required(2, value.index)
      writer.required(3, value.term)
    }

    mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
      try value.merge(from: &reader)
    }
  }

  var value = Snapshot()

  var protoSize: Int {
    ProtoSize.bytes(value.data) + ProtoSize.record(Metadata(value: value.metadata))
  }

  func write(to writer: inout ProtoWriter) {
    writer.bytes(1, value.data)
    writer.record(2, Metadata(value: value.metadata))
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    try value.merge(from: &reader)
  }
}
