/// How a change goes through a joint configuration.
package enum ConfChangeTransition: UInt8, Sendable, Hashable {
  /// Joint only if more than one change is made; left automatically.
  case auto = 0
  /// Joint, left automatically.
  case jointImplicit = 1
  /// Joint until an empty change is proposed.
  case jointExplicit = 2
}
