/// A read request that may be served once everything up to `index` is applied.
package struct ReadState: Sendable, Equatable {
  package var index: UInt64
  package var context: [UInt8]

  package init(index: UInt64, context: [UInt8]) {
    self.index = index
    self.context = context
  }
}
