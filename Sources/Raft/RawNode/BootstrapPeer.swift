/// A first member of a new group.
package struct BootstrapPeer: Sendable, Equatable {
  package var id: UInt64
  package var context: [UInt8]

  package init(id: UInt64, context: [UInt8] = []) {
    self.id = id
    self.context = context
  }
}
