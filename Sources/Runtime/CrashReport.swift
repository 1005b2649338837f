import CPlatform
import Glibc

/// The crash report of a process.
package enum CrashReport {
  /// Replaces the crash handlers of Swift's runtime, for the whole process; call it first of all.
  ///
  /// The runtime's handlers start another program that reads this one's memory and symbols and is waited
  /// for: seconds, or for ever if that program is stopped, in which clients wait for a store that holds
  /// its ports and sends nothing. A handler that writes raw addresses and lets the signal take effect
  /// needs milliseconds and starts nothing. It is preferred to another start of this program with
  /// `SWIFT_BACKTRACE=enable=no` because the addresses are kept: `addr2line` and `swift demangle` turn
  /// them into lines. The message of a trap ("Fatal error: …") is written before the signal and stays.
  ///
  /// Whoever sets `SWIFT_BACKTRACE` gets the runtime's own handlers.
  package static func install() {
    if let setting = getenv("SWIFT_BACKTRACE"), setting.pointee != 0 { return }
    apus_report_crashes()
  }
}
