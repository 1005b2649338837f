import History
import Runtime

/// Checks a history file.
struct HistoryCheck {
  let path: String

  func run() -> VerifyResult {
    var result = VerifyResult(historyPath: path)
    do {
      let operations = try HistoryFile.decode(SystemFileSystem().contents(of: path))
      ProcessEnd.report("checking \(operations.count) calls")
      result.verdict = LinearizabilityChecker().check(operations)
    } catch let error as HistoryFileError {
      result.doubts.append("\(path): \(error)")
    } catch {
      result.doubts.append("\(error)")
    }
    return result
  }
}
