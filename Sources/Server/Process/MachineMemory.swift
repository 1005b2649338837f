import Glibc
import Runtime

/// The memory this process may use.
enum MachineMemory {
  /// Bytes of the block cache where none are configured: TiKV's share of 45 % of the memory, at least 64 MiB.
  static func blockCacheBytes(ofMemory bytes: UInt64) -> UInt64 {
    max(64 << 20, bytes / 100 * 45)
  }

  /// Bytes of the machine, or of the control group that holds this process, whichever are fewer.
  static func available(_ files: any FileSystem) -> UInt64 {
    let pages = UInt64(clamping: sysconf(Int32(_SC_PHYS_PAGES)))
    let pageSize = UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))
    let machine = pages.multipliedReportingOverflow(by: pageSize).partialValue
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
      .compactMap { limit(in: $0, files) }
    return limits.reduce(machine) { min($0, $1) }
  }

  /// What the control group says; nil without a limit, and where there is no such file.
  static func limit(in path: String, _ files: any FileSystem) -> UInt64? {
    do throws(FileSystemError) {
      guard try files.exists(path) else { return nil }
      let text = String(decoding: try files.contents(of: path), as: UTF8.self)
      return UInt64(text.prefix { $0.isNumber })
    } catch {
      return nil
    }
  }
}
