import Glibc
import Runtime

/// The memory that this process may use.
enum SystemMemory {
  /// The default size of the block cache in bytes: TiKV's 45 % of the memory, at least 64 MiB.
  static func blockCacheBytes(ofMemory bytes: UInt64) -> UInt64 {
    max(64 << 20, bytes / 100 * 45)
  }

  /// The memory in bytes: that of the machine, or the lowest limit of the process's control groups.
  static func available(_ files: any FileSystem) -> UInt64 {
    let pages = UInt64(clamping: sysconf(Int32(_SC_PHYS_PAGES)))
    let pageSize = UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))
    let machine = pages.multipliedReportingOverflow(by: pageSize).partialValue
    return limitFiles(text(of: "/proc/self/cgroup", files) ?? "")
      .compactMap { limit(in: $0, files) }.reduce(machine) { min($0, $1) }
  }

  /// The paths of the memory limits of the process's control groups and of their ancestors.
  ///
  /// - Parameter groups: the text of `/proc/self/cgroup`: lines of number, controllers and path; version 2 of
  ///   control groups has no controllers there.
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

  /// The first 16 KiB of a file of the kernel, which are all of it; nil if it cannot be read, which counts as no
  /// limit.
  private static func text(of path: String, _ files: any FileSystem) -> String? {
    do throws(FileSystemError) {
      guard try files.exists(path) else { return nil }
      return String(decoding: try files.open(path).read(at: 0, upTo: 16_384), as: UTF8.self)
    } catch {
      return nil
    }
  }

  /// The limit in a file of a control group; nil if there is no limit or no such file.
  static func limit(in path: String, _ files: any FileSystem) -> UInt64? {
    // "max" is no limit.
    text(of: path, files).flatMap { UInt64($0.prefix { !$0.isWhitespace }) }
  }
}
