import Glibc

/// The arguments as the system handed them over.
///
/// Swift turns bytes that are not UTF-8 into U+FFFD: a key written so would become another key, and the command
/// would say that all is well.
enum ProcessArguments {
  /// Ends the process with the exit code of wrong usage if an argument is not UTF-8.
  static func requireUTF8() {
    for number in 0..<Int(CommandLine.argc) {
      guard let argument = CommandLine.unsafeArgv[number] else { continue }
      let bytes = UnsafeBufferPointer(
        start: UnsafeRawPointer(argument).assumingMemoryBound(to: UInt8.self),
        count: strlen(argument))
      guard String(validating: bytes, as: UTF8.self) == nil else { continue }
      ProcessEnd.printError(
        "argument \(number) is not UTF-8: write such bytes as \\xNN, or the whole in hexadecimal with --hex"
      )
      exit(64)
    }
  }
  /// Options that are turned off by an empty value.
  private static let emptyValued: Set<String> = ["--status-addr"]

  /// `--option=` as `--option ''`: the argument parser takes the first for an option without a value.
  static func separatingEmptyValues(_ arguments: some Sequence<String>) -> [String] {
    arguments.flatMap { argument in
      guard argument.hasSuffix("="), emptyValued.contains(String(argument.dropLast())) else {
        return [argument]
      }
      return [String(argument.dropLast()), ""]
    }
  }
}
