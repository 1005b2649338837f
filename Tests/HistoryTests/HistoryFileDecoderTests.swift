import History
import Testing

/// Files that come in pieces, and ones that never end.
struct HistoryFileDecoderTests {
  private static let history = (1...20).map { id in
    Operation(
      id: id, client: 1, start: UInt64(id) * 10, end: UInt64(id) * 10 + 5,
      call: .put(key: [UInt8(id)], value: [UInt8](repeating: 65, count: id)), outcome: .done)
  }

  @Test(arguments: [1, 2, 7, 64, 100_000])
  func piecesOfAnySizeGiveTheSameCalls(size: Int) throws {
    let file = HistoryFile.encode(Self.history)
    var decoder = HistoryFileDecoder()
    var rest = file[...]
    while !rest.isEmpty {
      try decoder.append(rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    #expect(try decoder.finish() == Self.history)
  }

  @Test(arguments: [100, 1000])
  func aLineAboveTheLimitIsRefusedBeforeItsEnd(piece: Int) throws {
    var decoder = HistoryFileDecoder(maxLineBytes: 5000)
    try decoder.append(HistoryFile.encode([])[...])
    let zeros = [UInt8](repeating: 0, count: piece)
    var taken = 0
    let error = #expect(throws: HistoryFileError.self) {
      while true {
        try decoder.append(zeros[...])
        taken += zeros.count
      }
    }
    #expect(taken == 5000)
    #expect(error?.line == 2)
    #expect(error?.reason.contains("longer than 5000 bytes") == true)
  }

  @Test func aCompleteLineAboveTheLimitIsRefused() throws {
    var decoder = HistoryFileDecoder(maxLineBytes: 80)
    let file = HistoryFile.encode(Self.history)
    let error = #expect(throws: HistoryFileError.self) { try decoder.append(file[...]) }
    #expect(error?.line == 2)
  }
}
