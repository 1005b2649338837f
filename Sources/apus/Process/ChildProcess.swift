import CPlatform
import Glibc
import Runtime
import Synchronization

/// A process of this same program whose standard input is a pipe from this process. When this process ends,
/// for whatever reason, the pipe closes, and the child exits because of its flag `--exit-on-stdin-close`.
/// Any thread may call the functions.
final class ChildProcess: Sendable {
  /// For messages.
  let name: String
  let id: pid_t
  /// The path of the file that the child's output is appended to.
  private let log: String
  /// The size of the log when this child was started.
  private let logStart: UInt64
  /// The write end of the child's standard input. Nothing is ever written.
  private let pipe: Int32
  /// The status of `waitpid`; nil while the child runs.
  private let exit = Mutex<Int32?>(nil)

  /// Why a child could not be started.
  struct StartError: Error, CustomStringConvertible {
    var description: String
  }

  /// Starts the child; its output is appended to `log`.
  ///
  /// - Parameter onExit: called once, on a thread of its own, when the child has exited, with a description
  ///   of how and, where its log says it, why.
  init(
    name: String, arguments: [String], log: String,
    onExit: @escaping @Sendable (ChildProcess, String) -> Void
  ) throws {
    self.name = name
    self.log = log
    logStart = try SystemFileSystem().size(of: log) ?? 0
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else {
      throw StartError(
        description: "cannot open a pipe for \(name): \(String(cString: strerror(errno)))")
    }
    for end in ends { Descriptors.setCloseOnExec(end) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The child inherits no other descriptor, not even one that a thread opens at this moment.
    apus_spawn_close_from(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A process group of its own: Ctrl-C signals the parent only, which then stops its children in order.
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var vector: [UnsafeMutablePointer<CChar>?] = (["apus"] + arguments).map { strdup($0) } + [nil]
    defer { for argument in vector { free(argument) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &vector, environ)
    close(ends[0])
    guard code == 0 else {
      close(ends[1])
      throw StartError(description: "cannot start \(name): \(String(cString: strerror(code)))")
    }
    id = pid
    pipe = ends[1]
    // Never joined: the thread ends when the child does.
    _ = JoinableThread(name: "wait \(name)") { [self] in
      var status: Int32 = 0
      while waitpid(id, &status, 0) < 0 && errno == EINTR {}
      exit.withLock { $0 = status }
      onExit(self, describe(status))
    }
  }

  deinit {
    close(pipe)
  }

  /// Whether the child has not exited yet.
  var isRunning: Bool { exit.withLock { $0 == nil } }

  /// Sends SIGTERM.
  func terminate() {
    if isRunning { kill(id, SIGTERM) }
  }

  /// Sends SIGKILL.
  func killNow() {
    if isRunning { kill(id, SIGKILL) }
  }

  /// Sends SIGSTOP: suspends the child until `resume`.
  func pause() {
    if isRunning { kill(id, SIGSTOP) }
  }

  /// Sends SIGCONT: resumes a paused child; has no effect on one that runs.
  func resume() {
    if isRunning { kill(id, SIGCONT) }
  }

  /// How the child exited and, unless that was with 0, the reason from its log.
  private func describe(_ status: Int32) -> String {
    let signal = status & 0x7f
    let code = (status >> 8) & 0xff
    let how = signal == 0 ? "exited with \(code)" : "was ended by signal \(signal)"
    if signal == 0, code == 0 { return "\(how); its log is \(log)" }
    do throws(FileSystemError) {
      let reason = try ChildLog.reason(in: log, from: logStart)
      return "\(how)\(reason.map { ": \($0)" } ?? ""); its log is \(log)"
    } catch {
      return "\(how); its log cannot be read: \(error)"
    }
  }
}
