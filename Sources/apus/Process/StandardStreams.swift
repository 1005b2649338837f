import Glibc

/// The three standard descriptors of a process, from start to end.
enum StandardStreams {
  /// Exit code of a command whose output could not be written: EX_IOERR of sysexits.
  static let outputFailed: Int32 = 74

  /// Makes sure that the descriptors are open and that output which is not written ends the process with a
  /// code that is not 0. Once, before anything else is opened.
  static func prepare() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
      // Else the next file or socket would get the number, and what is printed would go into it. Opened
      // the wrong way round: writing to a closed output must fail.
      _ = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
    }
    on_exit(
      { status, _ in
        // All that was printed is still in the buffer of the C library, or has failed before.
        guard fflush(nil) != 0 else { return }
        ProcessEnd.printError("cannot write the output: \(String(cString: strerror(errno)))")
        if status == 0 { _exit(StandardStreams.outputFailed) }
      }, nil)
  }
}
