import CZlib
import NIOCore

/// Decompresses one gzip member, in pieces. Not thread-safe.
final class GzipInflater {
  enum Progress: Sendable {
    /// The member is complete and nothing follows it.
    case done
    /// The output limit of this call was reached.
    case more
    case failed(String)
  }

  // zlib keeps the address of its stream: it is allocated once and freed in `deinit`.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isReady = false

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 bits of window, and a gzip header (16).
    isReady =
      inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  }

  deinit {
    if isReady { inflateEnd(stream) }
    stream.deallocate()
  }

  /// Takes bytes from `input` and appends at most `limit` (> 0) decompressed bytes to `output`.
  func inflate(_ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int) -> Progress {
    guard isReady else { return .failed("no memory to decompress a message") }
    var produced = 0
    while produced < limit {
      let capacity = min(limit - produced, Self.pieceSize)
      output.reserveCapacity(minimumWritableBytes: capacity)
      let (code, taken, made) = step(&input, &output, capacity)
      input.moveReaderIndex(forwardBy: taken)
      output.moveWriterIndex(forwardBy: made)
      produced += made
      switch code {
      case Z_STREAM_END:
        return input.readableBytes == 0 ? .done : .failed("bytes follow the end of a gzip message")
      case Z_OK, Z_BUF_ERROR:
        if taken == 0, made == 0 { return .failed("a gzip message is cut short") }
      default:
        return .failed("a malformed gzip message (zlib code \(code))")
      }
    }
    return .more
  }

  private static let pieceSize = 64 << 10

  private func step(
    _ input: inout ByteBuffer, _ output: inout ByteBuffer, _ capacity: Int
  ) -> (code: Int32, taken: Int, made: Int) {
    // zlib reads its input only; a mutable view would copy what others hold, too.
    input.withUnsafeReadableBytes { source in
      output.withUnsafeMutableWritableBytes { target in
        // Lengths are below 4 GiB: a message's prefix has 32 bits, and a piece is small.
        let available = UInt32(clamping: source.count)
        let space = UInt32(clamping: min(capacity, target.count))
        stream.pointee.next_in = UnsafeMutablePointer(
          mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = available
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = space
        let code = CZlib.inflate(stream, Z_NO_FLUSH)
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil
        return (
          code, Int(available - stream.pointee.avail_in), Int(space - stream.pointee.avail_out)
        )
      }
    }
  }
}
