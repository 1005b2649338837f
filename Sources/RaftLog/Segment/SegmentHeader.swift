import Runtime

/// Constants of the segment format.
enum SegmentFormat {
  /// The version written; higher ones are refused.
  static let version: UInt32 = 1
  /// `SWRLOG01`.
  static let magic: [UInt8] = Array("SWRLOG01".utf8)
  /// Bytes of the file header.
  static let headerSize = 4096
  static let frameHeaderSize = 64
  static let trailerSize = 32
  /// The first bytes of a frame, "FRM1". Not zero, so that zeroed space is no frame.
  static let frameMagic: UInt32 = 0x314D_5246
  /// The first bytes of a trailer, "SEAL".
  static let trailerMagic: UInt32 = 0x4C41_4553
  /// Frames start at multiples of this.
  static let alignment = 8
  /// Bytes of an authentication tag.
  static let tagSize = 16

  static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}

/// The first 4,096 bytes of a segment. Little-endian:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 8 | `SWRLOG01` |
/// | 8 | 4 | format version |
/// | 12 | 2 | 0 |
/// | 14 | 1 | cipher: 0 none, 1 AES-256-GCM |
/// | 15 | 1 | log2 of the alignment of frames: 3 |
/// | 16 | 16 | cluster id and store id, 0 before the log is bound to a store |
/// | 32 | 8 | sequence number of the file |
/// | 40 | 8 | LSN of its first frame |
/// | 48 | 8 | salt of its checksums |
/// | 56 | 8 | id of the master key; 0: not encrypted |
/// | 64 | 60 | the file's key, encrypted by the master key: nonce 12, key 32, tag 16 |
/// | 128 | 8 | bytes of the file when it was created: a shorter one was cut |
/// | 4092 | 4 | CRC-32C of the bytes before |
struct SegmentHeader: Sendable, Equatable {
  var identity: LogStoreIdentity?
  /// From 1. Below 2^32, since the index stores it in 32 bits.
  var sequence: UInt64
  var firstLSN: UInt64
  /// Differs between the uses of a recycled file, so that frames of an earlier use fail their checksum.
  var salt: UInt64
  /// 0: none, 1: AES-256-GCM.
  var cipher: UInt8 = 0
  var masterKeyID: UInt64 = 0
  /// 60 bytes; empty without a cipher.
  var wrappedKey: [UInt8] = []
  /// Bytes of the file when it was created: it never gets shorter.
  var minSize: UInt64 = 0

  func encoded() -> [UInt8] {
    var bytes = SegmentFormat.magic
    bytes.reserveCapacity(SegmentFormat.headerSize)
    bytes.appendLittleEndian(SegmentFormat.version)
    bytes.appendLittleEndian(UInt16(0))
    bytes.append(cipher)
    bytes.append(3)
    bytes.appendLittleEndian(identity?.clusterID ?? 0)
    bytes.appendLittleEndian(identity?.storeID ?? 0)
    bytes.appendLittleEndian(sequence)
    bytes.appendLittleEndian(firstLSN)
    bytes.appendLittleEndian(salt)
    bytes.appendLittleEndian(masterKeyID)
    bytes += wrappedKey
    bytes += [UInt8](repeating: 0, count: 128 - bytes.count)
    bytes.appendLittleEndian(minSize)
    bytes += [UInt8](repeating: 0, count: SegmentFormat.headerSize - 4 - bytes.count)
    bytes.appendLittleEndian(CRC32C.of(bytes))
    return bytes
  }

  /// Throws `newerFormat` for a higher version and `corrupted` for anything else that is wrong.
  static func decode(_ bytes: [UInt8], path: String) throws(LogStoreError) -> SegmentHeader {
    let version: UInt32
    let header: SegmentHeader
    do throws(SegmentDefect) {
      (version, header) = try parse(bytes)
    } catch {
      throw .corrupted(location: "\(path), offset 0", reason: error.reason)
    }
    guard version <= SegmentFormat.version else { throw .newerFormat(UInt64(version)) }
    guard header.cipher <= 1, (header.cipher == 0) == (header.masterKeyID == 0) else {
      throw .newerFormat(UInt64(version) + 1)
    }
    return header
  }

  private static func parse(_ bytes: [UInt8]) throws(SegmentDefect) -> (UInt32, SegmentHeader) {
    guard bytes.count == SegmentFormat.headerSize else {
      throw SegmentDefect("the file header is cut off at \(bytes.count) bytes")
    }
    guard bytes.starts(with: SegmentFormat.magic) else {
      throw SegmentDefect("the file does not start with the magic of a segment")
    }
    var reader = ByteReader(bytes, 8..<bytes.count)
    let version = try reader.number(UInt32.self)
    var check = ByteReader(bytes, bytes.count - 4..<bytes.count)
    guard try check.number(UInt32.self) == CRC32C.of(Array(bytes.dropLast(4))) else {
      throw SegmentDefect("the file header does not match its checksum")
    }
    _ = try reader.number(UInt16.self)
    let cipher = try reader.number(UInt8.self)
    _ = try reader.number(UInt8.self)
    let cluster = try reader.number(UInt64.self)
    let store = try reader.number(UInt64.self)
    let sequence = try reader.number(UInt64.self)
    let firstLSN = try reader.number(UInt64.self)
    let salt = try reader.number(UInt64.self)
    let masterKeyID = try reader.number(UInt64.self)
    let wrapped = try reader.take(60)
    _ = try reader.number(UInt32.self)
    let minSize = try reader.number(UInt64.self)
    guard sequence > 0, sequence <= UInt64(UInt32.max), firstLSN > 0, firstLSN < .max / 2 else {
      throw SegmentDefect("the file header has sequence \(sequence) and first LSN \(firstLSN)")
    }
    let identity =
      cluster == 0 && store == 0 ? nil : LogStoreIdentity(clusterID: cluster, storeID: store)
    return (
      version,
      SegmentHeader(
        identity: identity, sequence: sequence, firstLSN: firstLSN, salt: salt, cipher: cipher,
        masterKeyID: masterKeyID, wrappedKey: cipher == 0 ? [] : wrapped, minSize: minSize)
    )
  }
}
