/// Whether a channel can carry calls now.
package enum ChannelState: UInt8, Sendable {
  /// Not asked for anything yet.
  case idle
  /// First attempt, or first after a connection was lost: calls wait for its outcome.
  case connecting
  case ready
  /// Attempts fail; the next is made after a pause. Calls fail at once unless they wait for ready.
  case failing
  case closed
}
