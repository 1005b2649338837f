import Runtime

/// Reads the records of consecutive segments.
struct EtcdStream {
  private let directory: EtcdDirectory
  private let names: [EtcdSegmentName]
  /// Of the segment that is read.
  private(set) var position = 0
  private(set) var reader: EtcdSegmentReader
  /// Why reading has ended before the end of the last segment; nil: it has not.
  private(set) var defect: EtcdWALError?

  /// - Parameter names: not empty.
  init(_ directory: EtcdDirectory, _ names: [EtcdSegmentName]) throws(EtcdWALError) {
    precondition(!names.isEmpty, "a WAL without segments")
    self.directory = directory
    self.names = names
    reader = try EtcdSegmentReader(
      directory, names[0], isLast: names.count == 1, continuing: 0)
  }

  var path: String { reader.path }
  var offset: UInt64 { reader.offset }
  var crc: UInt32 { reader.crc }
  var isLast: Bool { position == names.count - 1 }

  /// The next record; nil at the end, or before a defect. Throws only if a file cannot be read.
  mutating func next() throws(EtcdWALError) -> EtcdRecord? {
    while defect == nil {
      switch try reader.next() {
      case .record(let record): return record
      case .defect(let error): defect = error
      case .end:
        if reader.offset == 0 {
          defect = .damaged(path: reader.path, offset: 0, reason: "the segment is empty")
        } else if isLast {
          return nil
        } else {
          position += 1
          reader = try EtcdSegmentReader(
            directory, names[position], isLast: isLast, continuing: reader.crc)
        }
      }
    }
    return nil
  }
}

extension EtcdWAL {
  /// Applies all records of the segments that can be read.
  static func replay(
    _ directory: EtcdDirectory, _ names: [EtcdSegmentName], from snapshot: EtcdSnapshotRecord
  ) throws(EtcdWALError) -> (EtcdReplay, EtcdStream) {
    var replay = EtcdReplay(from: snapshot)
    var stream = try EtcdStream(directory, names)
    while let record = try stream.next() { try replay.apply(record, stream.path, stream.offset) }
    return (replay, stream)
  }
}
