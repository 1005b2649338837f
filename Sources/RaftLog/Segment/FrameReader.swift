import Protobuf
import Raft
import Runtime

/// Reads single frames and entries.
enum FrameReader {
  /// The header of the frame at `offset`.
  static func header(_ file: SegmentFile, _ offset: UInt64) throws(LogStoreError) -> FrameHeader {
    let bytes = try file.read(at: offset, upTo: SegmentFormat.frameHeaderSize)
    guard let header = FrameHeader.decode(bytes, at: 0, salt: file.header.salt) else {
      throw file.corrupted(offset, "there is no valid frame")
    }
    return header
  }

  /// The uncompressed payload of the frame at `offset`.
  static func payload(_ file: SegmentFile, _ offset: UInt64) throws(LogStoreError) -> [UInt8] {
    let header = try header(file, offset)
    let start = offset + UInt64(SegmentFormat.frameHeaderSize)
    var stored: [UInt8]
    if let cipher = file.cipher {
      let body = try file.read(at: start, upTo: header.bodyLength)
      guard body.count == header.bodyLength,
        let plain = cipher.open(
          Array(body.dropLast(SegmentFormat.tagSize)),
          tag: Array(body.suffix(SegmentFormat.tagSize)),
          lsn: header.lsn, authenticating: header.authenticated)
      else { throw file.corrupted(offset, "LSN \(header.lsn): the frame is not authentic") }
      stored = Array(plain.prefix(Int(header.storedLength)))
    } else {
      stored = try file.read(at: start, upTo: Int(header.storedLength))
      guard stored.count == Int(header.storedLength), CRC32C.of(stored) == header.payloadCRC else {
        throw file.corrupted(offset, "LSN \(header.lsn): the payload does not match its checksum")
      }
    }
    guard
      let raw = PayloadCodec.decompress(
        stored, codec: header.codec, rawLength: Int(header.rawLength))
    else {
      throw file.corrupted(offset, "LSN \(header.lsn): the payload cannot be decompressed")
    }
    return raw
  }

  /// The entry at `location` in its payload.
  static func entry(
    _ location: EntryLocation, _ payload: [UInt8], index: UInt64, of file: SegmentFile
  ) throws(LogStoreError) -> Entry {
    let end = Int(location.offset) + Int(location.length)
    guard end <= payload.count else {
      throw file.corrupted(location.frameOffset, "entry \(index) lies outside of the payload")
    }
    let entry: Entry
    do throws(CodecError) {
      let range = Int(location.offset)..<end
      entry = try Entry(decoding: payload.span.bytes.extracting(range), strict: true)
    } catch {
      throw file.corrupted(location.frameOffset, "entry \(index): \(error)")
    }
    guard entry.index == index else {
      throw file.corrupted(location.frameOffset, "entry \(entry.index) in place of \(index)")
    }
    return entry
  }
}
