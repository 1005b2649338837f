import Protobuf
import Testing

struct FieldCountTests {
  private func isRefused(
    _ bytes: [UInt8], _ shape: MessageShape, textLimit: Int = FieldCount.textLimit
  ) -> Bool {
    do throws(CodecError) {
      try FieldCount.check(bytes.span.bytes, shape, textLimit: textLimit)
      return false
    } catch {
      return true
    }
  }

  /// Lists at three levels, in fields 4, 1 and 2.
  private let shape = MessageShape([
    [4: .message(1), 3: .strings], [1: .message(2)], [2: .message(3)], [:],
  ])

  private func block(_ field: UInt8, _ content: [UInt8]) -> [UInt8] {
    var bytes = [field << 3 | 2]
    var rest = content.count
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)] + content
  }

  private func elements(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { _ in [0x12, 0] as [UInt8] }
  }

  @Test func fieldsAreCountedWhereMessagesAre() {
    let limit = FieldCount.limit
    #expect(!isRefused([], shape))
    #expect(!isRefused(elements(limit), shape))
    #expect(isRefused(elements(limit + 1), shape))
    let nested = block(4, block(1, elements(limit - 2)))
    #expect(!isRefused(nested, shape))
    #expect(isRefused(nested + [8, 0], shape))
    // Together, too.
    let half = block(4, block(1, elements(limit / 2)))
    #expect(!isRefused(half, shape))
    #expect(isRefused(half + half, shape))
  }

  @Test func contentsOfByteStringsAreNotCounted() {
    for byte in [UInt8(0), 0x12, UInt8(ascii: "x")] {
      let value = [UInt8](repeating: byte, count: 4 * FieldCount.limit)
      #expect(!isRefused(block(3, value), shape))
      #expect(!isRefused(block(4, block(2, value)), shape))
      #expect(!isRefused(block(4, block(1, block(2, value))), shape))
    }
  }

  @Test func packedNumbersAreCounted() {
    let limit = FieldCount.limit
    let shape = MessageShape([[1: .numbers, 2: .words, 3: .doubleWords]])
    let short = [UInt8](repeating: 7, count: limit)
    #expect(isRefused(block(1, short), shape))
    #expect(!isRefused(block(1, Array(short.dropLast())), shape))
    let long = [UInt8](repeating: 0xff, count: 9 * (limit - 1))
    #expect(!isRefused(block(1, long), shape))
    let wide = [UInt8](repeating: 0, count: 4 * limit)
    #expect(isRefused(block(2, wide), shape))
    #expect(!isRefused(block(3, wide), shape))
    #expect(isRefused(block(3, wide + wide), shape))
  }

  @Test func textIsBounded() {
    let shape = MessageShape([[1: .message(1), 3: .text], [2: .text]])
    let half = [UInt8](repeating: 0xff, count: FieldCount.textLimit / 2)
    #expect(!isRefused(block(3, half) + block(1, block(2, half)), shape))
    #expect(isRefused(block(3, half) + block(1, block(2, half + [1])), shape))
    #expect(!isRefused(block(3, half + half + half), shape, textLimit: .max))
    #expect(!isRefused(block(4, half + half + half), shape))
  }

  @Test func malformedMessagesAreLeftToTheDecoder() {
    #expect(!isRefused(elements(FieldCount.limit) + [0xff], shape))
    #expect(!isRefused([UInt8](repeating: 0xff, count: 4 * FieldCount.limit), shape))
    // A message that holds itself.
    let endless = MessageShape([[1: .message(0), 2: .strings]])
    var nested: [UInt8] = elements(FieldCount.limit)
    for _ in 0..<200 { nested = block(1, nested) }
    #expect(!isRefused(nested, endless))
  }
}
