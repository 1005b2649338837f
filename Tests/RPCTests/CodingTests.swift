import NIOCore
import Protobuf
import SwiftProtobuf
import Testing

@testable import RPC

@Suite struct CodingTests {
  @Test func timeouts() {
    func decode(_ text: String) -> TimeAmount? { TimeoutCoding.decode(Array(text.utf8).span) }
    #expect(decode("5S") == .seconds(5))
    #expect(decode("99999999n") == .nanoseconds(99_999_999))
    #expect(decode("250m") == .milliseconds(250))
    #expect(decode("7u") == .microseconds(7))
    #expect(decode("2H") == .hours(2))
    #expect(decode("3M") == .minutes(3))
    #expect(decode("99999999H") == .nanoseconds(.max))
    for bad in ["", "S", "5", "5x", "123456789S", "-1S", "1 S"] { #expect(decode(bad) == nil) }
    for nanoseconds: Int64 in [1, 99_999_999, 100_000_001, 1_000_000_000, 86_400_000_000_000] {
      let amount = TimeAmount.nanoseconds(nanoseconds)
      let text = TimeoutCoding.encode(amount)
      #expect(text.count <= 9)
      let back = TimeoutCoding.decode(text.span)
      #expect((back ?? .zero) >= amount)
    }
  }

  @Test func percentCoding() {
    let text = "a%b né\n\u{7f} end"
    let encoded = PercentCoding.encode(text)
    #expect(encoded.allSatisfy { $0 >= 0x20 && $0 <= 0x7e })
    #expect(PercentCoding.decode(encoded) == text)
    #expect(String(decoding: PercentCoding.encode("50%"), as: UTF8.self) == "50%25")
    #expect(PercentCoding.decode(Array("%zz%4".utf8)) == "%zz%4")
  }

  @Test(arguments: 1...12) func messagesCutAnywhere(step: Int) throws {
    let messages = [0, 1, 7, 300].map { ByteBuffer(repeating: UInt8($0 % 251), count: $0) }
    var wire = ByteBuffer()
    for message in messages {
      wire.writeInteger(UInt8(0))
      wire.writeInteger(UInt32(message.readableBytes))
      wire.writeImmutableBuffer(message)
    }
    var assembler = MessageAssembler(limit: 300)
    var found: [ByteBuffer] = []
    while wire.readableBytes > 0 {
      var chunk = wire.readSlice(length: min(step, wire.readableBytes)) ?? ByteBuffer()
      while let message = try assembler.next(&chunk) { found.append(message) }
    }
    #expect(found == messages)
    #expect(!assembler.isPartial)
  }

  @Test func prefixesThatAreRefused() {
    func code(_ bytes: [UInt8], _ encoding: MessageEncoding = .identity) -> RPCCode? {
      var assembler = MessageAssembler(limit: 10)
      assembler.encoding = encoding
      var chunk = ByteBuffer(bytes: bytes)
      do throws(RPCStatus) {
        _ = try assembler.next(&chunk)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code([0, 0, 0, 0, 11]) == .resourceExhausted)
    #expect(code([0, 0xff, 0xff, 0xff, 0xff]) == .resourceExhausted)
    #expect(code([1, 0, 0, 0, 1, 0]) == .internal)
    #expect(code([1, 0, 0, 0, 1, 0], .gzip) == nil)
    #expect(code([2, 0, 0, 0, 1, 0], .gzip) == .internal)
    #expect(code([1, 0, 0, 0, 11], .gzip) == .resourceExhausted)
    #expect(code([9, 0, 0, 0, 1, 0]) == .internal)
    #expect(code([0, 0, 0, 0, 10]) == nil)
  }

  @Test(arguments: [1, 3, 5, 6, 1000]) func outboundQueueInPieces(step: Int) {
    let messages = (0..<600).map { ByteBuffer(repeating: 1, count: $0 % 7) }
    var queue = OutboundQueue(capacity: 1000)
    var expected = ByteBuffer()
    for message in messages {
      queue.append(message)
      expected.writeInteger(UInt8(0))
      expected.writeInteger(UInt32(message.readableBytes))
      expected.writeImmutableBuffer(message)
    }
    var left = expected.readableBytes
    var out = ByteBuffer()
    while left > 0 {
      let count = min(step, left)
      _ = queue.move(count, to: &out)
      left -= count
    }
    #expect(out == expected)
    #expect(queue.isEmpty && queue.bytes == 0 && !queue.wasFull)
  }

  @Test func methodsAreFoundByBytes() {
    var router = MethodRouter()
    let paths = (0..<300).map { "/package.Service/Method\($0)" }
    for path in paths { router.unary(path) { _, _ in } }
    let table = MethodTable(router)
    for path in paths {
      let bytes = Array(path.utf8)
      #expect(table.method(at: bytes.span)?.path == path)
    }
    for path in ["", "/", "/package.Service/Method300", "package.Service/Method1"] {
      let bytes = Array(path.utf8)
      #expect(table.method(at: bytes.span) == nil)
    }
  }

  @Test func targets() {
    #expect(RPCTarget("127.0.0.1:20160") == RPCTarget(host: "127.0.0.1", port: 20160))
    #expect(RPCTarget("http://pd:2379") == RPCTarget(host: "pd", port: 2379))
    #expect(RPCTarget("[::1]:80") == RPCTarget(host: "::1", port: 80))
    #expect(RPCTarget(host: "::1", port: 80).description == "[::1]:80")
    for bad in ["", "host", "host:", ":80", "host:0", "host:70000"] {
      #expect(RPCTarget(bad) == nil)
    }
  }

  @Test func rateLimitRefills() {
    let begin = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var limit = RateLimit(burst: 3, perSecond: 10, now: begin)
    let later = begin + .milliseconds(100)
    let taken = [begin, begin, begin, begin, later, later].map { limit.take(at: $0) }
    #expect(taken == [true, true, true, false, true, false])
  }

  @Test func textIsCutBetweenScalars() {
    #expect("abc".cutOff(afterUTF8: 3) == "abc")
    #expect("abc".cutOff(afterUTF8: 2) == "ab")
    for (text, whole) in [("aé", 1), ("a€", 1), ("a😀", 1), ("éé", 2)] {
      for count in 1..<text.utf8.count {
        let cut = text.cutOff(afterUTF8: count)
        #expect(cut.utf8.count <= count && text.hasPrefix(cut))
        if count >= whole, text.utf8.first == UInt8(ascii: "a") { #expect(cut == "a") }
      }
    }
    let status = RPCStatus(.internal, String(repeating: "é", count: 100_000))
    #expect(status.message == String(repeating: "é", count: RPCStatus.maxMessageBytes / 2))
  }

  /// Millions of empty elements are small on the wire only.
  @Test func messagesOfTooManyFieldsAreNotDecoded() throws {
    func list(_ count: Int) -> ByteBuffer {
      ByteBuffer(bytes: Array(repeatElement([0x0a, 0] as [UInt8], count: count).joined()))
    }
    let limit = FieldCount.limit
    let values = try MessageCoding.decode(
      list(limit), as: Google_Protobuf_ListValue.self, malformed: .internal)
    #expect(values.values.count == limit)
    let error = #expect(throws: RPCStatus.self) {
      try MessageCoding.decode(list(limit + 1), as: Google_Protobuf_ListValue.self)
    }
    #expect(error?.code == .resourceExhausted)
    let reply = try MessageCoding.decode(
      reply: list(limit + 1), as: Google_Protobuf_ListValue.self)
    #expect(reply.values.count == limit + 1)
  }
}
