import ArgumentParser
import Client
import Glibc

/// The exit of a failed command. Exit codes: 1 not found, 2 refused or timed out, 3 unreachable, 4 outcome
/// unknown, 64 wrong usage (the argument parser's), 74 the output could not be written.
enum CtlFailure {
  /// Prints the error; returns the exit code to throw.
  static func exit(_ error: ClientError) -> ExitCode {
    printError("\(error)")
    return switch error {
    case .notFound: ExitCode(1)
    case .refused, .deadlineExceeded, .malformedResponse, .cancelled: ExitCode(2)
    case .unreachable: ExitCode(3)
    case .undetermined: ExitCode(4)
    case .invalidArgument: ExitCode.validationFailure
    }
  }

  private static func printError(_ message: String) {
    let line = Array("Error: \(message)\n".utf8)
    var rest = line[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // If standard error cannot be written, the exit code remains.
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
