import Protobuf
import Runtime

/// Reads the records of one segment in order.
struct EtcdSegmentReader {
  /// What comes next.
  enum Step {
    case record(EtcdRecord)
    /// Zeros, or the end of the file.
    case end
    /// What follows is no record.
    case defect(EtcdWALError)
  }

  private static let windowBytes = 256 << 10
  private static let sector = 512

  let path: String
  /// Whether a crash may have cut the segment off: it is the last one.
  let isLast: Bool
  private let file: any RandomAccessFile
  let size: UInt64
  /// Behind the last good record.
  private(set) var offset: UInt64 = 0
  /// The running checksum there.
  private(set) var crc: UInt32
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  init(
    _ directory: EtcdDirectory, _ name: EtcdSegmentName, isLast: Bool, continuing crc: UInt32
  ) throws(EtcdWALError) {
    path = directory.child(name)
    let file = try directory.open(name, readOnly: true)
    self.file = file
    size = try directory.performing { (_) throws(FileSystemError) in try file.size() }
    self.isLast = isLast
    self.crc = crc
  }

  private mutating func bytes(at offset: UInt64, _ count: Int) throws(EtcdWALError) -> [UInt8] {
    let end = windowStart + UInt64(window.count)
    if offset < windowStart || offset + UInt64(count) > end {
      do throws(FileSystemError) {
        window = try file.read(at: offset, upTo: max(count, Self.windowBytes))
      } catch {
        throw .files(error)
      }
      windowStart = offset
    }
    let start = Int(offset - windowStart)
    return Array(window[min(start, window.count)..<min(start + count, window.count)])
  }

  /// The record at `offset`, whose checksum is not checked, and its length in the file; nil at zeros and at the end of the
  /// file.
  private mutating func frame(
    at offset: UInt64
  ) throws(EtcdWALError) -> (record: EtcdRecord, length: UInt64)? {
    let word = try bytes(at: offset, 8)
    if word.isEmpty { return nil }
    guard word.count == 8 else {
      throw .torn(path: path, offset: offset, reason: "a length is cut off")
    }
    let value = word.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    if value == 0 { return nil }
    let length = value & (1 << 56 - 1)
    let top = UInt8(value >> 56)
    let padding = UInt64(top & 0x7)
    guard top == 0 || top & 0xF8 == 0x80 else {
      throw .damaged(path: path, offset: offset, reason: "\(value) is no length of a record")
    }
    guard length > 0, offset + 8 <= size, length + padding <= size - offset - 8 else {
      throw .torn(
        path: path, offset: offset, reason: "a record of \(length) bytes exceeds the file")
    }
    let body = try bytes(at: offset + 8, Int(length + padding))
    guard body.count == Int(length + padding) else {
      throw .torn(path: path, offset: offset, reason: "a record is cut off")
    }
    do throws(CodecError) {
      let record = try EtcdRecord(decoding: Array(body[..<Int(length)]), strict: true)
      return (record, 8 + length + padding)
    } catch {
      throw defect(body, .damaged(path: path, offset: offset, reason: "\(error)"))
    }
  }

  /// A record that fails its checks was torn if it is in the last segment and one of its sectors is zero.
  private func defect(_ body: [UInt8], _ error: EtcdWALError) -> EtcdWALError {
    guard isLast else { return error }
    var start = 0
    while start < body.count {
      let inFile = Int((offset + 8) % UInt64(Self.sector)) + start
      let end = min(body.count, start + Self.sector - inFile % Self.sector)
      if body[start..<end].allSatisfy({ $0 == 0 }) {
        return .torn(path: path, offset: offset, reason: "a sector of a record was not written")
      }
      start = end
    }
    return error
  }

  /// Throws only if the file cannot be read.
  mutating func next() throws(EtcdWALError) -> Step {
    do throws(EtcdWALError) {
      guard let (record, length) = try frame(at: offset) else { return .end }
      if record.kind == EtcdRecord.crc {
        guard crc == 0 || record.crc == crc else {
          return .defect(.checksumMismatch(path: path, offset: offset))
        }
        crc = record.crc
      } else {
        let after = CRC32C.of(record.data ?? [], continuing: crc)
        let isWhole = record.extra.map { CRC32C.of($0) == record.extraCRC } ?? true
        guard after == record.crc, isWhole else {
          let body = try bytes(at: offset + 8, Int(length - 8))
          return .defect(defect(body, .checksumMismatch(path: path, offset: offset)))
        }
        crc = after
      }
      offset += length
      return .record(record)
    } catch {
      if case .files = error { throw error }
      return .defect(error)
    }
  }

  /// Whether one of the records with an extension in the `limit` bytes behind a defect proves that what is before it was
  /// durable. Records lie at multiples of 8.
  mutating func hasProof(
    within limit: Int, _ proves: (EtcdExtension) -> Bool
  ) throws(EtcdWALError) -> Bool {
    let words = try bytes(at: offset, limit).withUnsafeBytes { area in
      (1..<max(1, area.count / 8)).filter { word in
        let value = UInt64(
          littleEndian: area.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
        let length = value & (1 << 56 - 1)
        return length > 0 && length <= size && (value >> 56 == 0 || value >> 59 == 0x10)
      }
    }
    for word in words {
      do throws(EtcdWALError) {
        guard let (record, _) = try frame(at: offset + UInt64(word) * 8),
          let extra = record.extra, CRC32C.of(extra) == record.extraCRC
        else { continue }
        if let found = EtcdExtension(bytes: extra), proves(found) { return true }
      } catch {
        if case .files = error { throw error }
      }
    }
    return false
  }
}
