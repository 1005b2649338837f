extension [UInt8] {
  /// The bytes as a quoted string if they are printable ASCII, otherwise in hexadecimal.
  package var asText: String {
    if allSatisfy(\.isPlainText) {
      return "\"" + String(decoding: self, as: UTF8.self) + "\""
    }
    return "0x" + String(decoding: flatMap { [$0.highHexDigit, $0.lowHexDigit] }, as: UTF8.self)
  }

  /// `asText` of the first 24 bytes, with the count, if there are more than 32.
  var asShortText: String {
    count <= 32 ? asText : "\(Array(prefix(24)).asText)… (\(count) bytes)"
  }
}
