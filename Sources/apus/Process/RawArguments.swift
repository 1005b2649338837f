import Glibc

/// Checks and changes of the arguments before the argument parser sees them.
///
/// Swift replaces bytes that are not UTF-8 by U+FFFD: such a key would silently become another key.
enum ProcessArguments {
  /// Exits with the code of wrong usage, 64, if an argument is not UTF-8.
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

  /// Options whose empty value means "off".
  private static let emptyValued: Set<String> = ["--status-addr"]

  /// Rewrites `--option=` as `--option ''`: for the argument parser the first is an option without a value.
  static func separatingEmptyValues(_ arguments: some Sequence<String>) -> [String] {
    arguments.flatMap { argument in
      guard argument.hasSuffix("="), emptyValued.contains(String(argument.dropLast())) else {
        return [argument]
      }
      return [String(argument.dropLast()), ""]
    }
  }
}
