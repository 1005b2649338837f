import Glibc

/// How many files and sockets the system lets this process have open.
enum DescriptorLimit {
  /// More than anything here can use; a higher limit costs the kernel memory and gains nothing.
  private static let enough: rlim_t = 1 << 20

  /// The soft limit; 0 if the system does not say.
  static var current: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Raises the soft limit as far as the hard one lets it and returns what it is then.
  static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    let wanted = min(limit.rlim_max, enough)
    if wanted > limit.rlim_cur {
      limit.rlim_cur = wanted
      // Refused, the old limit stays; what it is worth is seen below.
      _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return current
  }
}
