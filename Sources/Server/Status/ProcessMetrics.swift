import Glibc
import Runtime

/// The standard Prometheus metrics of a process.
enum ProcessMetrics {
  /// Registers the metrics.
  static func register(_ metrics: Metrics, clock: any Clock) {
    let start = Int64(clock.wallMilliseconds / 1000)
    metrics.gauge("process_start_time_seconds", "Start of the process, since 1970.") { start }
    let page = Int64(sysconf(Int32(_SC_PAGESIZE)))
    metrics.gauge("process_virtual_memory_bytes", "Address space in use.") {
      field(0, of: "/proc/self/statm") &* page
    }
    metrics.gauge("process_resident_memory_bytes", "Memory in use.") {
      field(1, of: "/proc/self/statm") &* page
    }
    metrics.gauge("process_open_fds", "Open files and sockets.") { openFiles }
    metrics.gauge("process_max_fds", "Files and sockets that may be open.") {
      Int64(clamping: DescriptorLimit.current)
    }
    metrics.counter("process_cpu_seconds_total", "Processor time used, by all threads.") {
      var time = timespec()
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
  }

  /// The number at `index` in the first line of a file of the kernel; 0 if it cannot be read.
  private static func field(_ index: Int, of path: String) -> Int64 {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(file, &bytes, bytes.count)
    guard count > 0 else { return 0 }
    let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
    return index < fields.count ? Int64(fields[index]) ?? 0 : 0
  }

  private static var openFiles: Int64 {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count: Int64 = 0
    while readdir(directory) != nil { count += 1 }
    // Without the directory's own descriptor, `.` and `..`.
    return max(0, count - 3)
  }
}
