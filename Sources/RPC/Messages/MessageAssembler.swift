import NIOCore

/// How a call's messages may be compressed.
enum MessageEncoding {
  case identity, gzip
}

/// Cuts the bytes of one stream into gRPC messages: a flag byte, four bytes of length, the message.
///
/// A message that lies whole within one chunk is a slice of it (no copy); others are gathered.
struct MessageAssembler {
  let limit: Int
  private var prefix: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
  private var prefixCount = 0
  private var length = 0
  private var gathered: ByteBuffer?
  private var flag: UInt8 = 0

  /// The peer's `grpc-encoding`: the encoding of messages with flag 1.
  var encoding = MessageEncoding.identity

  init(limit: Int) { self.limit = limit }

  /// True in the middle of a message or its prefix.
  var isPartial: Bool { prefixCount > 0 }

  /// Whether the message returned last is compressed, by `encoding`.
  var isCompressed: Bool { flag == 1 }

  /// Bytes of the message under way that are held here.
  var heldBytes: Int { gathered?.readableBytes ?? 0 }

  /// The size of the message under way with its prefix, once that is known; else 0.
  var expectedBytes: Int { prefixCount == 5 ? length + 5 : 0 }

  /// Frees what is held of an unfinished message. Nothing may be taken from the stream afterwards.
  mutating func discard() { gathered = nil }

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
      if buffer.writableBytes < part.readableBytes {
        // At least doubled, so that a message of many parts is copied a few times at most.
        let wanted = max(buffer.readableBytes + part.readableBytes, 2 * buffer.readableBytes)
        buffer.reserveCapacity(min(length, wanted))
      }
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
    // The peer may never send what it announced: capacity is made for twice what has come.
    var buffer = ByteBuffer()
    buffer.reserveCapacity(min(length, max(2 * chunk.readableBytes, 4096)))
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
    guard flag == 0 || (flag == 1 && encoding != .identity) else {
      throw flag == 1
        ? RPCStatus(.internal, "a compressed message without a grpc-encoding")
        : RPCStatus(.internal, "bad message flag \(flag)")
    }
    guard Int(size) <= limit else {
      throw RPCStatus(.resourceExhausted, "message of \(size) bytes is over the limit of \(limit)")
    }
    prefixCount = 5
    length = Int(size)
    self.flag = flag
  }
}
