import Glibc

/// Sets `FD_CLOEXEC` on descriptors, so that no child process inherits them. A listening socket that a child
/// has inherited keeps its port in use after this process ends.
package enum Descriptors {
  /// Sets the flag on one descriptor. Without effect on one that is not open.
  package static func setCloseOnExec(_ descriptor: Int32) {
    let flags = fcntl(descriptor, F_GETFD)
    if flags >= 0, flags & FD_CLOEXEC == 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
  }

  /// Sets the flag on all open descriptors except the standard ones: libraries open some without the flag and
  /// do not expose them.
  package static func setCloseOnExecForAll() {
    guard let directory = opendir("/proc/self/fd") else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let descriptor = Int32(name), descriptor > 2 { setCloseOnExec(descriptor) }
    }
  }
}
