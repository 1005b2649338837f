import Protobuf
import Testing

struct ProtoReaderTests {
  /// Reads all fields, each by its wire type: numbers as `field=value`, bytes in hexadecimal.
  private func fields(_ bytes: [UInt8], strict: Bool = false) throws(CodecError) -> [String] {
    try bytes.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory, strict: strict)
      var found: [String] = []
      while try reader.next() {
        if reader.isLengthDelimited, let range = try reader.range() {
          found.append("\(reader.field)=\(Array(reader.slice(range)))")
          continue
        }
        var number: UInt64 = .max
        try reader.read(&number)
        found.append(number == .max ? "\(reader.field)" : "\(reader.field)=\(number)")
      }
      return found
    }
  }

  @Test func fieldsOfEveryWireTypeAreFound() throws {
    // 1: 300, 2: "ab", 3: four bytes, 4: eight bytes, 5: an empty group.
    let message: [UInt8] = [
      0x08, 0xac, 0x02, 0x12, 2, 0x61, 0x62, 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2b,
      0x2c,
    ]
    #expect(try fields(message) == ["1=300", "2=[97, 98]", "3", "4", "5"])
  }

  @Test(
    arguments: [
      ([0x08], .truncated), ([0x08, 0x80], .truncated), ([0x12, 5, 1], .truncated),
      ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .truncated),
      ([0x1d, 1, 2], .truncated), ([0x21, 1, 2, 3, 4], .truncated), ([0x0b], .malformedTag),
      ([0x0c], .malformedTag), ([0x0e, 0], .malformedTag), ([0x00, 0], .malformedTag),
      ([UInt8](repeating: 0xff, count: 11), .malformedVarint),
      // The field number of 2^29.
      ([0x80, 0x80, 0x80, 0x80, 0x10, 0], .malformedTag),
    ] as [([UInt8], CodecError.Reason)])
  func malformedFieldsAreErrors(bytes: [UInt8], reason: CodecError.Reason) {
    let error = #expect(throws: CodecError.self) { try fields(bytes) }
    #expect(error?.reason == reason)
  }

  @Test func numbersHave64BitsAtMost() throws {
    let nines = [UInt8](repeating: 0xff, count: 9)
    #expect(try fields([0x08] + nines + [0]) == ["1=\(UInt64.max >> 1)"])
    #expect(try fields([0x08] + nines + [1]) == ["1"])
    for last: UInt8 in [2, 0x7f, 0x80, 0xff] {
      let error = #expect(throws: CodecError.self) { try fields([0x08] + nines + [last, 0]) }
      #expect(error?.reason == .malformedVarint && error?.offset == 1)
    }
    let cut = #expect(throws: CodecError.self) { try fields([0x08] + nines) }
    #expect(cut?.reason == .truncated)
  }

  /// A value of every kind that a record reads, in field 1.
  private struct Record: ProtoRecord, Equatable {
    enum Color: Int { case red = 0, green = 1 }

    var kind = 0
    var number: UInt64 = 7
    var half: UInt32 = 7
    var signed: Int64 = 7
    var flag = false
    var bytes: [UInt8] = [7]
    var list: [UInt64] = []
    var color = Color.red

    init() {}
    init(_ kind: Int) { self.kind = kind }

    var protoSize: Int { 0 }
    func write(to writer: inout ProtoWriter) {}

    mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
      while try reader.next() {
        switch kind {
        case 0: try reader.read(&number)
        case 1: try reader.read(&half)
        case 2: try reader.read(&signed)
        case 3: try reader.read(&flag)
        case 4: try reader.read(&bytes)
        case 5: try reader.append(to: &list)
        default: try reader.read(&color, "color")
        }
      }
    }

    mutating func merge(_ bytes: [UInt8], strict: Bool) throws(CodecError) {
      var record = self
      try bytes.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
        var reader = ProtoReader(memory, strict: strict)
        try record.merge(from: &reader)
      }
      self = record
    }
  }

  @Test func aFieldOfAnotherWireTypeIsSkippedOrRefused() throws {
    for kind in 0...6 {
      // Four bytes, which no field of ours is.
      let bytes: [UInt8] = [0x0d, 1, 2, 3, 4]
      var record = Record(kind)
      try record.merge(bytes, strict: false)
      #expect(record == Record(kind))
      let error = #expect(throws: CodecError.self) { try record.merge(bytes, strict: true) }
      #expect(error?.reason == .malformedTag, "\(kind)")
    }
  }

  @Test func valuesAreReadByTheirType() throws {
    func read(_ kind: Int, _ bytes: [UInt8]) throws(CodecError) -> Record {
      var record = Record(kind)
      try record.merge(bytes, strict: true)
      return record
    }
    let minusOne = [UInt8](repeating: 0xff, count: 9) + [1]
    #expect(try read(0, [0x08, 5]).number == 5)
    #expect(try read(1, [0x08] + minusOne).half == .max)
    #expect(try read(2, [0x08] + minusOne).signed == -1)
    #expect(try read(3, [0x08, 2]).flag)
    #expect(try read(4, [0x0a, 1, 9]).bytes == [9])
    #expect(try read(5, [0x08, 1, 0x0a, 2, 2, 3, 0x08, 4]).list == [1, 2, 3, 4])
    #expect(try read(6, [0x08, 1]).color == .green)
    let error = #expect(throws: CodecError.self) { try read(6, [0x08, 2]) }
    #expect(error?.reason == .unknownNumber(2) && error?.subject == "color")
  }

  @Test func packedNumbersAreReadUpToALimit() throws {
    let bytes: [UInt8] = [0x0a, 0x64] + [UInt8](repeating: 1, count: 100)
    var numbers: [UInt64] = []
    try bytes.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory)
      _ = try reader.next()
      try reader.append(to: &numbers, limit: 10)
      #expect(reader.isAtEnd)
    }
    #expect(numbers == [UInt64](repeating: 1, count: 11))
  }

  @Test func nestedReadersEndWithTheirMessage() throws {
    let bytes: [UInt8] = [0x0a, 2, 0x08, 0x80, 0x01]
    try bytes.span.bytes.withUnsafeBytes { (memory) throws(CodecError) in
      var reader = ProtoReader(memory)
      _ = try reader.next()
      guard var nested = try reader.message() else {
        Issue.record("no message")
        return
      }
      #expect(try nested.next() && nested.field == 1 && nested.position == 3)
      var number: UInt64 = 0
      let error = #expect(throws: CodecError.self) { try nested.read(&number) }
      #expect(error?.reason == .truncated)
    }
  }
}
