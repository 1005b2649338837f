/// One change to the user data of a region.
package enum Mutation: Sendable, Hashable {
  case put(cf: DataCF, key: [UInt8], value: [UInt8])
  case delete(cf: DataCF, key: [UInt8])
  /// With `notifyOnly` the data stays and only observers are told.
  case deleteRange(cf: DataCF, start: [UInt8], end: [UInt8], notifyOnly: Bool)
}
