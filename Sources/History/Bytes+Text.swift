extension [UInt8] {
  /// In quotes when printable, in hex otherwise.
  package var asText: String {
    if allSatisfy(\.isPlainText) {
      return "\"" + String(decoding: self, as: UTF8.self) + "\""
    }
    return "0x" + String(decoding: flatMap { [$0.highHexDigit, $0.lowHexDigit] }, as: UTF8.self)
  }

  /// `asText`, of the first bytes only when there are many.
  var asShortText: String {
    count <= 32 ? asText : "\(Array(prefix(24)).asText)… (\(count) bytes)"
  }
}
