import Glibc

/// The limit of file descriptors of this process.
enum DescriptorLimit {
  /// More than a process can use; a higher limit costs kernel memory.
  private static let enough: rlim_t = 1 << 20

  /// The soft limit; 0 if it cannot be read.
  static var current: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Raises the soft limit up to the hard one, and returns the resulting limit.
  static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    let wanted = min(limit.rlim_max, enough)
    if wanted > limit.rlim_cur {
      limit.rlim_cur = wanted
      // If this fails, the old limit stays, and `DescriptorPlan` checks whether it suffices.
      _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return current
  }
}
