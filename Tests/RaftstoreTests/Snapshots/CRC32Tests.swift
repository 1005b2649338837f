import Testing

@testable import Raftstore

struct CRC32Tests {
  @Test(
    arguments: [
      ("", 0x0000_0000), ("a", 0xe8b7_be43), ("123456789", 0xcbf4_3926),
      ("The quick brown fox jumps over the lazy dog", 0x414f_a339),
      (
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        0x7ca9_4a72
      ),
    ] as [(String, UInt32)])
  func knownValues(_ text: String, _ expected: UInt32) {
    #expect(CRC32.checksum(Array(text.utf8)) == expected)
  }

  @Test func zerosAndOnes() {
    #expect(CRC32.checksum([UInt8](repeating: 0, count: 32)) == 0x190a_55ad)
    #expect(CRC32.checksum([UInt8](repeating: 0xff, count: 32)) == 0xff6c_ab0b)
  }

  @Test func piecesGiveTheSameAsTheWhole() {
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let whole = CRC32.checksum(bytes)
    for cut in 0...bytes.count {
      var crc = CRC32()
      crc.update(Array(bytes[..<cut]))
      crc.update(Array(bytes[cut...]))
      #expect(crc.value == whole)
    }
  }
}
