import CNghttp2

/// Decodes header blocks of one connection, with nghttp2's own decoder.
enum HeaderReader {
  static func read(_ blocks: [ArraySlice<UInt8>]) -> [String: String] {
    var inflater: OpaquePointer?
    guard nghttp2_hd_inflate_new(&inflater) == 0 else { return [:] }
    defer { nghttp2_hd_inflate_del(inflater) }
    var headers: [String: String] = [:]
    for block in blocks {
      var rest = Array(block)
      while true {
        var field = nghttp2_nv()
        var flags: Int32 = 0
        let used = rest.withUnsafeMutableBufferPointer { bytes in
          let used = nghttp2_hd_inflate_hd2(
            inflater, &field, &flags, bytes.baseAddress, bytes.count, 1)
          if used >= 0, flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
            headers[text(field.name, field.namelen)] = text(field.value, field.valuelen)
          }
          return used
        }
        if used < 0 || flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { break }
        rest.removeFirst(Int(used))
      }
      nghttp2_hd_inflate_end_headers(inflater)
    }
    return headers
  }

  private static func text(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}
