import Runtime

/// The 64 bytes before the contents of a frame. A frame is one batch: header, payload (encoded entries), items (what
/// the batch does), an authentication tag if it is encrypted, and zeros up to a multiple of 8. Little-endian:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | frame magic |
/// | 4 | 4 | CRC-32C of the file's salt and bytes 8..<64 |
/// | 8 | 8 | LSN |
/// | 16 | 8 | durable mark: all frames up to this LSN were durable when this one was written |
/// | 24 | 8 | group: LSN of the first frame of a snapshot of the state; 0 = none |
/// | 32 | 4 | bytes of the payload as stored |
/// | 36 | 4 | bytes of the payload uncompressed |
/// | 40 | 4 | bytes of the items |
/// | 44 | 4 | CRC-32C of the payload as stored |
/// | 48 | 4 | CRC-32C of the items as stored |
/// | 52 | 1 | codec of the payload: 0 none, 1 LZ4 |
/// | 53 | 1 | flags: 1 encrypted, 2 first of a group, 4 last of a group |
/// | 54 | 2 | bytes of padding |
/// | 56 | 8 | offset of the frame before in this file; 0 = none |
struct FrameHeader: Sendable, Equatable {
  /// Flags of a frame.
  struct Flags: OptionSet, Sendable, Equatable {
    let rawValue: UInt8

    static let sealed = Self(rawValue: 1)
    static let groupBegin = Self(rawValue: 2)
    static let groupEnd = Self(rawValue: 4)
    static let known = Self(rawValue: 7)
  }

  var lsn: UInt64
  var durableLSN: UInt64
  var group: UInt64 = 0
  var storedLength: UInt32 = 0
  var rawLength: UInt32 = 0
  var itemsLength: UInt32 = 0
  var payloadCRC: UInt32 = 0
  var itemsCRC: UInt32 = 0
  var codec: UInt8 = 0
  var flags: Flags = []
  var padding: UInt16 = 0
  var previous: UInt64 = 0

  /// Bytes of payload, items and tag.
  var bodyLength: Int {
    Int(storedLength) + Int(itemsLength) + (flags.contains(.sealed) ? SegmentFormat.tagSize : 0)
  }

  /// Bytes of the whole frame.
  var frameLength: Int { SegmentFormat.frameHeaderSize + bodyLength + Int(padding) }

  /// Sets the padding from the lengths.
  mutating func pad() {
    let length = SegmentFormat.frameHeaderSize + bodyLength
    padding = UInt16(SegmentFormat.aligned(length) - length)
  }

  func append(to bytes: inout [UInt8], salt: UInt64) {
    let start = bytes.count
    bytes.appendLittleEndian(SegmentFormat.frameMagic)
    bytes.appendLittleEndian(UInt32(0))
    bytes.appendLittleEndian(lsn)
    bytes.appendLittleEndian(durableLSN)
    bytes.appendLittleEndian(group)
    bytes.appendLittleEndian(storedLength)
    bytes.appendLittleEndian(rawLength)
    bytes.appendLittleEndian(itemsLength)
    bytes.appendLittleEndian(payloadCRC)
    bytes.appendLittleEndian(itemsCRC)
    bytes.append(codec)
    bytes.append(flags.rawValue)
    bytes.appendLittleEndian(padding)
    bytes.appendLittleEndian(previous)
    bytes.store(Self.checksum(bytes, start, salt), at: start + 4)
  }

  /// The bytes that encryption authenticates: all fields but the checksums, which depend on the result.
  var authenticated: [UInt8] {
    var bytes: [UInt8] = []
    var header = self
    header.payloadCRC = 0
    header.itemsCRC = 0
    header.append(to: &bytes, salt: 0)
    return Array(bytes[8...])
  }

  /// The header at `offset` of `bytes`; nil if there is none of this file. Throws `SegmentDefect` never: what is not a
  /// header is not a frame.
  static func decode(_ bytes: [UInt8], at offset: Int, salt: UInt64) -> FrameHeader? {
    guard offset >= 0, bytes.count - offset >= SegmentFormat.frameHeaderSize else { return nil }
    return bytes.withUnsafeBytes { memory in
      func load<Number: FixedWidthInteger>(_ at: Int, _: Number.Type) -> Number {
        Number(littleEndian: memory.loadUnaligned(fromByteOffset: offset + at, as: Number.self))
      }
      guard load(0, UInt32.self) == SegmentFormat.frameMagic,
        load(4, UInt32.self) == checksum(bytes, offset, salt)
      else { return nil }
      return FrameHeader(
        lsn: load(8, UInt64.self), durableLSN: load(16, UInt64.self), group: load(24, UInt64.self),
        storedLength: load(32, UInt32.self), rawLength: load(36, UInt32.self),
        itemsLength: load(40, UInt32.self), payloadCRC: load(44, UInt32.self),
        itemsCRC: load(48, UInt32.self), codec: load(52, UInt8.self),
        flags: Flags(rawValue: load(53, UInt8.self)), padding: load(54, UInt16.self),
        previous: load(56, UInt64.self))
    }
  }

  private static func checksum(_ bytes: [UInt8], _ offset: Int, _ salt: UInt64) -> UInt32 {
    let seed = withUnsafeBytes(of: salt.littleEndian) { CRC32C.of($0) }
    return bytes.withUnsafeBytes {
      CRC32C.of(
        UnsafeRawBufferPointer(rebasing: $0[offset + 8..<offset + SegmentFormat.frameHeaderSize]),
        continuing: seed)
    }
  }
}
