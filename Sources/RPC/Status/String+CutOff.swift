extension String {
  /// The text, or as much of it as has at most so many bytes of UTF-8 (> 0); ends between Unicode scalars.
  package func cutOff(afterUTF8 bytes: Int) -> String {
    guard utf8.count > bytes else { return self }
    let end = utf8.index(utf8.startIndex, offsetBy: bytes)
    var kept = utf8[..<end]
    // The later bytes of a scalar are 10xxxxxx. One whose end is missing goes.
    if utf8[end] & 0xc0 == 0x80 {
      while let last = kept.popLast(), last & 0xc0 == 0x80 {}
    }
    return String(decoding: kept, as: UTF8.self)
  }
}
