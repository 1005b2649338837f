import Glibc

/// A named POSIX thread that runs one closure and can be joined.
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

  /// Starts the thread at once. Traps when the system has no thread left: nothing can run then.
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

  /// Waits for the closure to return. Call once.
  package func join() {
    pthread_join(thread, nil)
  }

  /// The kernel keeps 15 bytes of a thread's name; it is shown by `top -H` and `perf`.
  private static func setName(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    var bytes = Array(name.utf8.prefix(15))
    _ = write(file, &bytes, bytes.count)
    close(file)
  }
}
