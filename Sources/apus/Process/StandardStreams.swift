import Glibc

/// The three standard descriptors of the process.
enum StandardStreams {
  /// Exit code of a command whose output could not be written: EX_IOERR of sysexits.
  static let outputFailed: Int32 = 74

  /// Opens those of the descriptors that are closed, and makes the process exit with `outputFailed` if its
  /// output cannot be written. Call it once, before anything else is opened.
  static func prepare() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
      // Otherwise the next file or socket would get the number, and output would be written into it. Opened
      // in the wrong direction on purpose: writing to a closed output must fail.
      _ = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
    }
    on_exit(
      { status, _ in
        // Flushes the output that is still buffered by the C library; reports earlier failures, too.
        guard fflush(nil) != 0 else { return }
        ProcessEnd.printError("cannot write the output: \(String(cString: strerror(errno)))")
        if status == 0 { _exit(StandardStreams.outputFailed) }
      }, nil)
  }
}
