/// A physical record in a block of a write-ahead log: a complete logical record or a fragment of one.
///
/// A header of 7 bytes (masked checksum of 4 bytes, length of 2, type of 1) before the payload; types of
/// logs that overwrite older ones add the low 4 bytes of the log's number.
struct WALRecord {
  enum Kind {
    case full, first, middle, last
    /// Metadata of the log, without writes.
    case other
  }

  static let smallestHeader = 7
  private static let recyclableHeader = 11
  /// A batch of writes begins with its sequence number (8 bytes) and its number of writes (4 bytes).
  static let batchHeader = 12

  let kind: Kind
  /// The bytes of the payload in the block.
  let payload: Range<Int>

  /// The record at `offset`; nil if there is no intact one.
  ///
  /// - Parameter accept: whether the header is acceptable. Called before the checksum, which reads the payload.
  init?(
    _ block: UnsafeRawBufferPointer, at offset: Int, logNumber: UInt32,
    where accept: (Kind, Range<Int>) -> Bool = { _, _ in true }
  ) {
    guard block.count - offset >= Self.smallestHeader else { return nil }
    let type = block[offset + 6]
    let kind: Kind
    switch type {
    case 0: return nil
    case 1, 5: kind = .full
    case 2, 6: kind = .first
    case 3, 7: kind = .middle
    case 4, 8: kind = .last
    default: kind = .other
    }
    let isRecyclable = (5...8).contains(type)
    let start = offset + (isRecyclable ? Self.recyclableHeader : Self.smallestHeader)
    let length = Int(block[offset + 4]) | Int(block[offset + 5]) << 8
    guard start + length <= block.count else { return nil }
    if isRecyclable, Self.integer(block, offset + Self.smallestHeader) != logNumber { return nil }
    payload = start..<start + length
    guard accept(kind, payload) else { return nil }
    let checked = UnsafeRawBufferPointer(rebasing: block[offset + 6..<payload.upperBound])
    guard Self.integer(block, offset) == CRC32C.masked(checked) else { return nil }
    self.kind = kind
  }

  private static func integer(_ block: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
