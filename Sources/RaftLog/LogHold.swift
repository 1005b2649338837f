/// Prevents entries from being removed until it is passed to `release(_:)`.
package struct LogHold: Sendable, Hashable {
  package var region: UInt64
  package var token: UInt64

  package init(region: UInt64, token: UInt64) {
    self.region = region
    self.token = token
  }
}
