/// Decodes a history file piece by piece. Memory is bounded also for a file that is not a history.
package struct HistoryFileDecoder {
  /// Bytes of the longest line, without its line feed. Far above the largest batch.
  package static let maxLineBytes = 64 << 20

  private let limit: Int
  private var history: [Operation] = []
  private var isHeaderDue = true
  private var number = 0
  /// The start of a line whose end was not added yet.
  private var rest: [UInt8] = []

  package init(maxLineBytes: Int = Self.maxLineBytes) {
    limit = maxLineBytes
  }

  /// Adds the next bytes of the file.
  package mutating func append(_ piece: ArraySlice<UInt8>) throws(HistoryFileError) {
    var piece = piece
    while let end = piece.firstIndex(of: HistoryFile.newline) {
      let line = piece[..<end]
      try checkLength(adding: line.count)
      if rest.isEmpty {
        try decode(line)
      } else {
        rest += line
        let whole = rest
        rest = []
        try decode(whole[...])
      }
      piece = piece[(end + 1)...]
    }
    try checkLength(adding: piece.count)
    rest += piece
  }

  /// Ends the file and returns its calls.
  package mutating func finish() throws(HistoryFileError) -> [Operation] {
    if !rest.isEmpty { try decode(rest[...]) }
    rest = []
    if isHeaderDue {
      throw HistoryFileError(line: 1, position: 0, reason: "the header is missing")
    }
    return history
  }

  private func checkLength(adding count: Int) throws(HistoryFileError) {
    guard rest.count + count > limit else { return }
    throw HistoryFileError(
      line: number + 1, position: limit, reason: "the line is longer than \(limit) bytes")
  }

  private mutating func decode(_ line: ArraySlice<UInt8>) throws(HistoryFileError) {
    number += 1
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
    do throws(HistoryFileError) {
      if isHeaderDue {
        try HistoryFile.checkHeader(line)
        isHeaderDue = false
      } else {
        history.append(try HistoryFile.operation(from: line))
      }
    } catch {
      throw HistoryFileError(line: number, position: error.position, reason: error.reason)
    }
  }
}
