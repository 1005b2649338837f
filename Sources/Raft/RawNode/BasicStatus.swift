/// What a node thinks of itself; cheap.
package struct BasicStatus: Sendable, Equatable {
  package var id: UInt64
  package var hardState: HardState
  package var softState: SoftState
  package var applied: UInt64
  package var leadTransferee: UInt64
}
