import CPlatform
import Glibc

/// The crash report of a process.
package enum CrashReport {
  /// Replaces the crash handlers of Swift's runtime for the whole process. Call it before anything else.
  ///
  /// The runtime's handlers start another program that reads the memory and symbols of this one, and wait
  /// for it: for seconds, or forever if that program is stopped. Meanwhile this process holds its ports and
  /// its clients wait. The handler installed here writes raw addresses and lets the signal take effect
  /// within milliseconds. `addr2line` and `swift demangle` resolve the addresses. The message of a trap
  /// ("Fatal error: …") is written before the signal and is not affected.
  ///
  /// Without effect if `SWIFT_BACKTRACE` is set.
  package static func install() {
    if let setting = getenv("SWIFT_BACKTRACE"), setting.pointee != 0 { return }
    apus_report_crashes()
  }
}
