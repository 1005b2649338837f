import Testing

@testable import Client

struct KeyTextTests {
  @Test("Printable ASCII is unchanged, other bytes are escaped")
  func escapes() {
    #expect(KeyText.escaped(bytes("user:1 ~")) == "user:1 ~")
    #expect(KeyText.escaped([0, 0x1F, 0x7F, 0x80, 0xFF]) == "\\x00\\x1F\\x7F\\x80\\xFF")
    #expect(KeyText.escaped(bytes("a\\b\"c")) == "a\\\\b\\\"c")
    #expect(KeyText.escaped([]) == "")
  }

  @Test("Escaped and hexadecimal text of every byte is parsed back")
  func roundTrips() {
    let all = (0...255).map { UInt8($0) }
    #expect(KeyText.parse(KeyText.escaped(all)) == all)
    #expect(KeyText.parseHex(KeyText.hex(all)) == all)
  }

  @Test(
    "Parses escapes",
    arguments: [
      ("\\x7aA", [0x7A, 0x41]), ("\\XFF", [0xFF]), ("\\172\\000", [0x7A, 0]),
      ("\\n\\r\\t", [10, 13, 9]), ("\\\"\\'\\\\", [0x22, 0x27, 0x5C]), ("ä", [0xC3, 0xA4]),
      ("", []),
    ] as [(String, [UInt8])])
  func parsesEscapes(_ text: String, _ expected: [UInt8]) {
    #expect(KeyText.parse(text) == expected)
  }

  @Test(
    "Refuses malformed escapes",
    arguments: ["\\", "\\x", "\\x1", "\\xG0", "\\x+1", "\\400", "\\12", "\\8", "\\q", "a\\"])
  func refusesMalformedEscapes(_ text: String) {
    #expect(KeyText.parse(text) == nil)
  }

  @Test("Parses hexadecimal and refuses other text")
  func parsesHexadecimal() {
    #expect(KeyText.parseHex("0x7aFf") == [0x7A, 0xFF])
    #expect(KeyText.parseHex("") == [])
    #expect(KeyText.hex([0xAB, 0x01]) == "AB01")
    for text in ["0", "0x1", "zz", "+1", "-1", " 1"] { #expect(KeyText.parseHex(text) == nil) }
  }

  @Test("A column is as wide as its widest cell")
  func alignsColumns() {
    var table = TextTable(["ID", "NAME", "N"], numbers: ["ID"])
    table.add(["1", "a", "x"])
    table.add(["100", "long", ""])
    #expect(table.lines == [" ID  NAME  N", "  1  a     x", "100  long"])
  }

  @Test("Formats sizes")
  func formatsSizes() {
    #expect(ByteSize.text(0) == "0 B")
    #expect(ByteSize.text(1023) == "1023 B")
    #expect(ByteSize.text(1536) == "1.5 KiB")
    #expect(ByteSize.text(42_000_000_000) == "39.1 GiB")
    #expect(ByteSize.text(200 << 20) == "200 MiB")
  }
}
