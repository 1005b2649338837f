/// An HTTP/1.1 response whose connection was closed after it.
struct StatusResponse {
  struct Malformed: Error {
    var reason: String
  }

  let code: Int
  let body: [UInt8]

  init(_ bytes: [UInt8]) throws(Malformed) {
    let separator = Array("\r\n\r\n".utf8)
    guard let split = bytes.firstRange(of: separator) else {
      throw Malformed(reason: "not an HTTP response")
    }
    let head = String(decoding: bytes[..<split.lowerBound], as: UTF8.self)
    let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]) else {
      throw Malformed(reason: "not an HTTP response")
    }
    self.code = code
    var body = Array(bytes[split.upperBound...])
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = line[..<colon].lowercased()
      let value = line[line.index(after: colon)...].filter { $0 != " " }.lowercased()
      if name == "transfer-encoding", value == "chunked" { body = try Self.joined(body[...]) }
      if name == "content-length", let length = Int(value) {
        guard body.count >= length, length >= 0 else { throw Malformed(reason: "cut short") }
        body = Array(body.prefix(length))
      }
    }
    self.body = body
  }

  /// The chunks of a chunked body.
  private static func joined(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> [UInt8] {
    var rest = bytes
    var body: [UInt8] = []
    while true {
      guard let end = rest.firstRange(of: [0x0D, 0x0A]) else {
        throw Malformed(reason: "cut short")
      }
      let line = String(decoding: rest[..<end.lowerBound].prefix { $0 != 0x3B }, as: UTF8.self)
      guard let count = Int(line.filter { $0 != " " }, radix: 16), count >= 0 else {
        throw Malformed(reason: "a chunk without a size")
      }
      rest = rest[end.upperBound...]
      if count == 0 { return body }
      guard rest.count - 2 >= count else { throw Malformed(reason: "cut short") }
      body += rest.prefix(count)
      rest = rest.dropFirst(count + 2)
    }
  }
}
