/// An operator under way, for people.
package struct OperatorSummary: Sendable, Hashable {
  package var regionID: UInt64
  package var kind: String
  package var description: String
  package var age: Duration
}
