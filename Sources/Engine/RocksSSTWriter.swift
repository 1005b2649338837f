import RocksDB

/// Writes an SST file in RocksDB's format.
final class RocksSSTWriter: SSTWriter {
  private let path: String
  /// Nil once the file is finished or abandoned.
  private var writer: SSTFileWriter?
  private var finishedSize: UInt64 = 0
  private(set) var count: UInt64 = 0

  init(_ path: String, _ options: FamilyOptions) throws(EngineError) {
    self.path = path
    writer = try translating { () throws(RocksDBError) in
      try SSTFileWriter(path: path, options: options)
    }
  }

  var fileSize: UInt64 { writer?.fileSize ?? finishedSize }

  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError) {
    try put(key.span.bytes, value.span.bytes)
  }

  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError) {
    let writer = try open()
    do throws(RocksDBError) {
      try writer.put(key, value)
    } catch {
      throw EngineError(error)
    }
    count += 1
  }

  func finish() throws(EngineError) -> UInt64 {
    let writer = try open()
    finishedSize = try translating { () throws(RocksDBError) in try writer.finish() }
    self.writer = nil
    return finishedSize
  }

  func abandon() { writer = nil }

  private func open() throws(EngineError) -> SSTFileWriter {
    guard let writer else {
      throw EngineError(.invalid, operation: "write \(path)", message: "the file is finished")
    }
    return writer
  }
}
