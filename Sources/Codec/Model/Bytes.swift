/// Owned bytes: keys, values and encoded records.
package typealias Bytes = [UInt8]

extension [UInt8] {
  /// Lower-case hexadecimal, for messages that must show a key.
  package var hex: String {
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(count * 2)
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 0xF)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Whether `left` sorts before `right` as unsigned bytes, a prefix before what it begins.
package func precedes(_ left: borrowing [UInt8], _ right: borrowing [UInt8]) -> Bool {
  left.lexicographicallyPrecedes(right)
}

extension [UInt8] {
  /// A copy of borrowed memory.
  package init(_ span: RawSpan) {
    self = span.withUnsafeBytes { Array($0) }
  }
}
