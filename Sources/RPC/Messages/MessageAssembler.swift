import NIOCore

/// Cuts the bytes of one stream into gRPC messages: a flag byte, four bytes of length, the message.
///
/// A message that lies whole within one chunk is a slice of it (no copy); others are gathered.
struct MessageAssembler {
  private let limit: Int
  private var prefix: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
  private var prefixCount = 0
  private var length = 0
  private var gathered: ByteBuffer?

  init(limit: Int) { self.limit = limit }

  /// True in the middle of a message or its prefix.
  var isPartial: Bool { prefixCount > 0 }

  /// The next whole message of `chunk`, or nil once the chunk is used up.
  mutating func next(_ chunk: inout ByteBuffer) throws(RPCStatus) -> ByteBuffer? {
    if prefixCount < 5 {
      guard try readPrefix(&chunk) else { return nil }
    }
    if var buffer = gathered.take() {
      let missing = length - buffer.readableBytes
      guard var part = chunk.readSlice(length: min(missing, chunk.readableBytes)) else {
        return nil
      }
      if buffer.writableBytes < part.readableBytes { buffer.reserveCapacity(length) }
      buffer.writeBuffer(&part)
      guard buffer.readableBytes == length else {
        gathered = buffer
        return nil
      }
      prefixCount = 0
      return buffer
    }
    if let whole = chunk.readSlice(length: length) {
      prefixCount = 0
      return whole
    }
    // The peer may never send what it announced: big room is made only once much has come.
    var buffer = ByteBuffer()
    buffer.reserveCapacity(min(length, 1 << 20))
    buffer.writeBuffer(&chunk)
    gathered = buffer
    return nil
  }

  private mutating func readPrefix(_ chunk: inout ByteBuffer) throws(RPCStatus) -> Bool {
    if prefixCount == 0, let flag = chunk.getInteger(at: chunk.readerIndex, as: UInt8.self),
      let size = chunk.getInteger(at: chunk.readerIndex + 1, as: UInt32.self)
    {
      chunk.moveReaderIndex(forwardBy: 5)
      try accept(flag: flag, size: size)
      return true
    }
    while prefixCount < 5, let byte = chunk.readInteger(as: UInt8.self) {
      switch prefixCount {
      case 0: prefix.0 = byte
      case 1: prefix.1 = byte
      case 2: prefix.2 = byte
      case 3: prefix.3 = byte
      default: prefix.4 = byte
      }
      prefixCount += 1
    }
    guard prefixCount == 5 else { return false }
    let high = UInt32(prefix.1) << 24 | UInt32(prefix.2) << 16
    let low = UInt32(prefix.3) << 8 | UInt32(prefix.4)
    try accept(flag: prefix.0, size: high | low)
    return true
  }

  private mutating func accept(flag: UInt8, size: UInt32) throws(RPCStatus) {
    guard flag == 0 else {
      throw flag == 1
        ? RPCStatus(.unimplemented, "compressed messages are not supported")
        : RPCStatus(.internal, "bad message flag \(flag)")
    }
    guard Int(size) <= limit else {
      throw RPCStatus(.resourceExhausted, "message of \(size) bytes is over the limit of \(limit)")
    }
    prefixCount = 5
    length = Int(size)
  }
}
