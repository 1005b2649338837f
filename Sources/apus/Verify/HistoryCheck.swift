import History
import Runtime

/// Judges a history file.
struct HistoryCheck {
  let path: String

  func run() -> VerifyResult {
    var result = VerifyResult(historyPath: path)
    do {
      let operations = try read()
      ProcessEnd.report("judging \(operations.count) calls")
      result.verdict = LinearizabilityJudge().judge(operations)
    } catch {
      result.doubts.append("\(error)")
    }
    return result
  }

  /// What is wrong with a file, and where.
  private struct Malformed: Error, CustomStringConvertible {
    var description: String
  }

  /// Line by line: a long history's text is never in memory as a whole.
  private func read() throws -> [Operation] {
    let file = try SystemFileSystem().open(path)
    var operations: [Operation] = []
    var position: UInt64 = 0
    var rest: [UInt8] = []
    var number = 0
    while true {
      let piece = try file.read(at: position, upTo: 1 << 20)
      position += UInt64(piece.count)
      var lines = (rest + piece)
        .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      rest = Array(lines.removeLast())
      for line in lines {
        number += 1
        try take(line, number, &operations)
      }
      if piece.isEmpty { break }
    }
    if !rest.isEmpty { try take(rest[...], number + 1, &operations) }
    if number == 0, rest.isEmpty { throw Malformed(description: "\(path) is empty") }
    return operations
  }

  private func take(
    _ line: ArraySlice<UInt8>, _ number: Int, _ operations: inout [Operation]
  ) throws {
    let text = String(decoding: line, as: UTF8.self)
    if number == 1, text == HistoryFile.header { return }
    do {
      operations.append(try HistoryFile.operation(from: text))
    } catch {
      throw Malformed(description: "\(path):\(number): \(error)")
    }
  }
}
