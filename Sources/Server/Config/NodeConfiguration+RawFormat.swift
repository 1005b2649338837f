import Runtime
import Storage

extension NodeConfiguration {
  /// The format of raw values. Expiry is decided by the wall clock of the node that serves the request.
  func rawFormat(_ clock: any Clock) -> RawFormat {
    enablesTTL ? .expiring { clock.wallMilliseconds / 1000 } : .plain
  }
}
