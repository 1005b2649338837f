import Protobuf
import Testing

struct ProtoWriterTests {
  private struct Leaf: ProtoRecord, Equatable {
    var number: UInt64 = 0

    var protoSize: Int { ProtoSize.uint64(number) }
    func write(to writer: inout ProtoWriter) { writer.uint64(1, number) }
    mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
      while try reader.next() {
        if reader.field == 1 { try reader.read(&number) } else { try reader.skip() }
      }
    }
  }

  /// A field of each kind.
  private struct Tree: ProtoRecord, Equatable {
    var number: UInt64 = 0
    var half: UInt32 = 0
    var signed: Int64 = 0
    var flag = false
    var bytes: [UInt8] = []
    var text = ""
    var packed: [UInt64] = []
    var leaf = Leaf()
    var other: Leaf?
    var leaves: [Leaf] = []

    var protoSize: Int {
      let numbers =
        ProtoSize.uint64(number) + ProtoSize.uint32(half) + ProtoSize.int64(signed)
        + ProtoSize.bool(flag)
      let lists = ProtoSize.bytes(bytes) + ProtoSize.string(text) + ProtoSize.packed(packed)
      let records = ProtoSize.record(leaf) + ProtoSize.record(other) + ProtoSize.records(leaves)
      return numbers + lists + records
    }

    func write(to writer: inout ProtoWriter) {
      writer.uint64(1, number)
      writer.uint32(2, half)
      writer.int64(3, signed)
      writer.bool(4, flag)
      writer.bytes(5, bytes)
      writer.string(6, text)
      writer.packed(7, packed)
      writer.record(8, leaf)
      writer.record(9, other)
      writer.records(15, leaves)
    }

    mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
      while try reader.next() {
        switch reader.field {
        case 1: try reader.read(&number)
        case 2: try reader.read(&half)
        case 3: try reader.read(&signed)
        case 4: try reader.read(&flag)
        case 5: try reader.read(&bytes)
        case 6:
          guard let range = try reader.range() else { continue }
          text = String(decoding: reader.slice(range), as: UTF8.self)
        case 7: try reader.append(to: &packed)
        case 8: try reader.read(&leaf)
        case 9: try reader.read(&other)
        case 15: try reader.append(to: &leaves)
        default: try reader.skip()
        }
      }
    }
  }

  @Test func defaultsAreLeftOutAndNestedRecordsAreNot() {
    #expect(Leaf().encoded().isEmpty)
    #expect(Tree().encoded() == [0x42, 0])
    #expect(Tree(leaves: [Leaf(), Leaf()]).encoded() == [0x42, 0, 0x7a, 0, 0x7a, 0])
    #expect(Tree(other: Leaf()).encoded() == [0x42, 0, 0x4a, 0])
  }

  @Test func writtenRecordsAreReadBack() throws {
    let numbers: [UInt64] = [1, 127, 128, 16_383, 16_384, 1 << 32, 1 << 63, .max]
    for number in numbers {
      let tree = Tree(
        number: number, half: UInt32(truncatingIfNeeded: number),
        signed: Int64(truncatingIfNeeded: number), flag: true,
        bytes: [UInt8](repeating: 3, count: 200), text: "é", packed: numbers,
        leaf: Leaf(number: number), other: Leaf(number: 1),
        leaves: numbers.map { Leaf(number: $0) })
      let bytes = tree.encoded()
      #expect(bytes.count == tree.protoSize)
      #expect(try Tree(decoding: bytes, strict: true) == tree)
      #expect(Leaf(number: number).protoSize == 1 + ProtoSize.varint(number))
    }
  }

  @Test func encodingIntoBytesAppends() {
    var bytes: [UInt8] = [9]
    Leaf(number: 300).encode(into: &bytes)
    Leaf().encode(into: &bytes)
    #expect(bytes == [9, 0x08, 0xac, 0x02])
  }
}
