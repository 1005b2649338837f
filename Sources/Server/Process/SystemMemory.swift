import Glibc
import Runtime

/// The memory this process may use.
enum SystemMemory {
  /// Bytes of the block cache where none are configured: TiKV's share of 45 % of the memory, at least 64 MiB.
  static func blockCacheBytes(ofMemory bytes: UInt64) -> UInt64 {
    max(64 << 20, bytes / 100 * 45)
  }

  /// Bytes of the machine, or of the control group that holds this process, whichever are fewer.
  static func available(_ files: any FileSystem) -> UInt64 {
    let pages = UInt64(clamping: sysconf(Int32(_SC_PHYS_PAGES)))
    let pageSize = UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))
    let machine = pages.multipliedReportingOverflow(by: pageSize).partialValue
    return limitFiles(text(of: "/proc/self/cgroup", files) ?? "")
      .compactMap { limit(in: $0, files) }.reduce(machine) { min($0, $1) }
  }

  /// Where the limits of the process's control groups, and of those around them, are written.
  ///
  /// - Parameter groups: `/proc/self/cgroup`: a line each of number, controllers and path; the second
  ///   version of control groups has no controllers there.
  static func limitFiles(_ groups: String) -> [String] {
    var files: [String] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let (root, name): (String, String)
      if fields[1].isEmpty {
        (root, name) = ("/sys/fs/cgroup", "memory.max")
      } else if fields[1].split(separator: ",").contains("memory") {
        (root, name) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
      } else {
        continue
      }
      var path = root
      files.append("\(path)/\(name)")
      for part in fields[2].split(separator: "/") {
        path += "/\(part)"
        files.append("\(path)/\(name)")
      }
    }
    return files
  }

  /// The beginning of one of the kernel's files, which are short; nil where it cannot be read: then
  /// nothing limits.
  private static func text(of path: String, _ files: any FileSystem) -> String? {
    do throws(FileSystemError) {
      guard try files.exists(path) else { return nil }
      return String(decoding: try files.open(path).read(at: 0, upTo: 16_384), as: UTF8.self)
    } catch {
      return nil
    }
  }

  /// What the control group says; nil without a limit, and where there is no such file.
  static func limit(in path: String, _ files: any FileSystem) -> UInt64? {
    // "max" is no limit.
    text(of: path, files).flatMap { UInt64($0.prefix { !$0.isWhitespace }) }
  }
}
