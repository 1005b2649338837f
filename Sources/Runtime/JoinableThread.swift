import Glibc

/// A named POSIX thread that runs one closure. Its owner joins it once.
///
/// Safety of `@unchecked Sendable`: `thread` is written once before `init` returns and read only by
/// `join`, which its owner calls once.
package final class JoinableThread: @unchecked Sendable {
  private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private var thread = pthread_t()
  private let isRunning: Bool

  /// Starts the thread. Traps if the system has no thread left: the process could not run.
  ///
  /// - Parameter name: shown by `top -H` and `perf`; the kernel keeps 15 bytes of it.
  package init(name: String, _ body: @escaping @Sendable () -> Void) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        JoinableThread.setName(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    precondition(code == 0, "pthread_create failed with \(code)")
    isRunning = true
  }

  /// Blocks until the closure has returned. Call it exactly once.
  package func join() {
    pthread_join(thread, nil)
  }

  private static func setName(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    var bytes = Array(name.utf8.prefix(15))
    _ = write(file, &bytes, bytes.count)
    close(file)
  }
}
