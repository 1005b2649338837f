import NIOCore

/// How a client marks a connection as prioritized: an entry of the SETTINGS frame that
/// opens the connection. Its identifier is of the range kept for experiments, and HTTP/2 peers ignore
/// settings they do not know (RFC 9113, 6.5.2).
enum PrioritySetting {
  static let identifier: UInt16 = 0xF1A7

  enum Finding {
    /// The first frame is not complete yet.
    case incomplete
    case absent
    case present
  }

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let frameHeader = 9
  private static let entry = 6
  /// Longer first frames are not looked through, bytes.
  private static let longestFrame = 32 * entry

  /// Looks for the mark in the first bytes of a connection.
  static func find(in bytes: ByteBuffer) -> Finding {
    let start = bytes.readerIndex
    guard
      bytes.readableBytesView.prefix(preface.count).elementsEqual(
        preface.prefix(bytes.readableBytes))
    else { return .absent }
    let frame = start + preface.count
    guard let size: UInt32 = bytes.getInteger(at: frame),
      bytes.readableBytes >= preface.count + frameHeader
    else { return .incomplete }
    // Three bytes of length, then the type: 4 is SETTINGS.
    let length = Int(size >> 8)
    guard size & 0xFF == 4, length % entry == 0, length <= longestFrame else { return .absent }
    let payload = frame + frameHeader
    guard bytes.readableBytes >= preface.count + frameHeader + length else { return .incomplete }
    for offset in stride(from: 0, to: length, by: entry) {
      let id: UInt16? = bytes.getInteger(at: payload + offset)
      let value: UInt32? = bytes.getInteger(at: payload + offset + 2)
      if id == identifier, value == 1 { return .present }
    }
    return .absent
  }
}
