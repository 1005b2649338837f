import Glibc

/// Descriptors of this process that no program it starts may inherit: a listening socket that another
/// process holds keeps its port taken after this one's end.
package enum Descriptors {
  /// Marks one descriptor. One that is not open is left alone.
  package static func setCloseOnExec(_ descriptor: Int32) {
    let flags = fcntl(descriptor, F_GETFD)
    if flags >= 0, flags & FD_CLOEXEC == 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
  }

  /// Marks all descriptors that are open now, except the standard ones: for those of libraries that
  /// neither mark nor show them.
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
