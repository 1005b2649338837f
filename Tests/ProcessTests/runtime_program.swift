// Built by the tests from this file and the sources of Runtime: what its parts do where the tests of the
// package cannot follow, in a process that dies or whose wall clock is set.
import Glibc

@main
struct RuntimeProgram {
  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "trap":
      CrashReport.install()
      let numbers = [1, 2, 3]
      print(numbers[CommandLine.arguments.count + 1])
    case "timers": runTimers()
    default: exit(2)
    }
  }

  /// Writes a line at every beat of a timer, until the input ends. The first wait has no other timer
  /// beside it that could end it early.
  private static func runTimers() {
    let host = ThreadHost()
    let timer = host.every(.milliseconds(20)) {
      var line = Array("beat\n".utf8)
      _ = write(1, &line, line.count)
    }
    var byte: UInt8 = 0
    while read(0, &byte, 1) > 0 {}
    timer.cancel()
    host.shutdown()
  }
}
