import Runtime

/// A frame as opening needs it: without the payload.
struct FrameRecord: Sendable, Equatable {
  var offset: UInt64
  var lsn: UInt64
  /// LSN of the first frame of its group; 0: none.
  var group: UInt64
  var flags: FrameHeader.Flags
  /// Bytes of the uncompressed payload.
  var rawLength: UInt32
  var items: [SegmentItem]
}

/// The directory of a segment's frames, built while they are written and stored at the end of the file when it is
/// sealed, so that opening reads no payload.
///
/// Footer: count of frames, then of each the offset divided by 8, LSN, group, flags, bytes of the payload and bytes of
/// the items, all varints, and the items; then the count of regions and of each id, first index, last index and bytes
/// of entries. A trailer of 32 bytes is the end of the file, little-endian:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | trailer magic |
/// | 4 | 4 | CRC-32C of the file's salt and bytes 8..<32 |
/// | 8 | 8 | offset of the footer |
/// | 16 | 4 | bytes of the footer, with the tag of an encrypted one |
/// | 20 | 4 | CRC-32C of the footer |
/// | 24 | 8 | LSN of the last frame |
struct FrameDirectory: Sendable {
  /// What a file holds of a region.
  struct Extent: Sendable, Equatable {
    var first: UInt64
    var last: UInt64
    /// Bytes of entries, replaced ones included.
    var bytes: UInt64
  }

  private var frames: [UInt8] = []
  private var count: UInt64 = 0
  private var extents: [UInt64: Extent] = [:]

  /// About the bytes of the footer.
  var footerSize: Int { frames.count + extents.count * 24 + 32 }

  /// - Parameter items: the items in encoded form, and `decoded` the same decoded.
  mutating func add(
    _ header: FrameHeader, offset: UInt64, items: ArraySlice<UInt8>, decoded: [SegmentItem]
  ) {
    frames.appendVarint(offset / UInt64(SegmentFormat.alignment))
    frames.appendVarint(header.lsn)
    frames.appendVarint(header.group)
    frames.append(header.flags.rawValue)
    frames.appendVarint(UInt64(header.rawLength))
    frames.appendVarint(UInt64(items.count))
    frames += items
    count += 1
    for item in decoded {
      guard case .append(let span) = item else {
        if case .move(let span) = item { extend(span) }
        continue
      }
      extend(span)
    }
  }

  private mutating func extend(_ span: EntrySpan) {
    let bytes = span.lengths.reduce(into: UInt64(0)) { $0 += UInt64($1) }
    var extent = extents[span.region] ?? Extent(first: span.first, last: span.end - 1, bytes: 0)
    extent.first = min(extent.first, span.first)
    extent.last = max(extent.last, span.end - 1)
    extent.bytes += bytes
    extents[span.region] = extent
  }

  func footer() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(footerSize)
    bytes.appendVarint(count)
    bytes += frames
    bytes.appendVarint(UInt64(extents.count))
    for (region, extent) in extents.sorted(by: { $0.key < $1.key }) {
      for number in [region, extent.first, extent.last, extent.bytes] { bytes.appendVarint(number) }
    }
    return bytes
  }

  /// Reads a footer.
  static func decode(
    _ bytes: [UInt8]
  ) throws(SegmentDefect) -> (frames: [FrameRecord], extents: [UInt64: Extent]) {
    var reader = ByteReader(bytes)
    var frames: [FrameRecord] = []
    for _ in 0..<(try reader.count()) {
      let place = try reader.varint()
      guard place <= UInt64(UInt32.max) else { throw SegmentDefect("a frame lies too far") }
      let (lsn, group) = (try reader.varint(), try reader.varint())
      let flags = FrameHeader.Flags(rawValue: try reader.number(UInt8.self))
      let rawLength = try reader.varint()
      guard rawLength <= UInt64(UInt32.max) else { throw SegmentDefect("a payload is too long") }
      let items = try reader.byteString()
      frames.append(
        FrameRecord(
          offset: place * UInt64(SegmentFormat.alignment), lsn: lsn, group: group, flags: flags,
          rawLength: UInt32(rawLength),
          items: try SegmentItem.decode(items, payload: Int(rawLength))))
    }
    var extents: [UInt64: Extent] = [:]
    for _ in 0..<(try reader.count()) {
      extents[try reader.varint()] = Extent(
        first: try reader.varint(), last: try reader.varint(), bytes: try reader.varint())
    }
    guard reader.isAtEnd else { throw SegmentDefect("bytes follow the footer") }
    return (frames, extents)
  }
}

/// The last 32 bytes of a sealed file; see `FrameDirectory`.
struct SegmentTrailer: Sendable, Equatable {
  var offset: UInt64
  var length: UInt32
  var footerCRC: UInt32
  var lastLSN: UInt64

  func encoded(salt: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(SegmentFormat.trailerMagic)
    bytes.appendLittleEndian(UInt32(0))
    bytes.appendLittleEndian(offset)
    bytes.appendLittleEndian(length)
    bytes.appendLittleEndian(footerCRC)
    bytes.appendLittleEndian(lastLSN)
    bytes.store(Self.checksum(bytes, salt), at: 4)
    return bytes
  }

  /// Nil if the bytes are no trailer of this file.
  static func decode(_ bytes: [UInt8], salt: UInt64) -> SegmentTrailer? {
    guard bytes.count == SegmentFormat.trailerSize else { return nil }
    var reader = ByteReader(bytes)
    do throws(SegmentDefect) {
      guard try reader.number(UInt32.self) == SegmentFormat.trailerMagic,
        try reader.number(UInt32.self) == checksum(bytes, salt)
      else { return nil }
      return SegmentTrailer(
        offset: try reader.number(UInt64.self), length: try reader.number(UInt32.self),
        footerCRC: try reader.number(UInt32.self), lastLSN: try reader.number(UInt64.self))
    } catch {
      return nil
    }
  }

  private static func checksum(_ bytes: [UInt8], _ salt: UInt64) -> UInt32 {
    let seed = withUnsafeBytes(of: salt.littleEndian) { CRC32C.of($0) }
    return bytes.withUnsafeBytes {
      CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[8...]), continuing: seed)
    }
  }
}
