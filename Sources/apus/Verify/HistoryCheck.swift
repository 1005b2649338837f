import History
import Runtime

/// `apus verify --check`: checks a history file, read in pieces.
struct HistoryCheck {
  /// The path of the file.
  let path: String

  func run() -> VerifyResult {
    var result = VerifyResult(historyPath: path)
    do {
      let operations = try operations()
      ProcessEnd.report("checking \(operations.count) calls")
      result.verdict = LinearizabilityChecker().check(operations)
    } catch let error as HistoryFileError {
      result.doubts.append("\(path): \(error)")
    } catch {
      result.doubts.append("\(error)")
    }
    return result
  }

  private func operations() throws -> [Operation] {
    let file = try SystemFileSystem().open(path)
    var decoder = HistoryFileDecoder()
    var offset: UInt64 = 0
    while true {
      let piece = try file.read(at: offset, upTo: Self.pieceBytes)
      if piece.isEmpty { return try decoder.finish() }
      try decoder.append(piece[...])
      offset += UInt64(piece.count)
    }
  }

  private static let pieceBytes = 1 << 20
}
