/// A finished sorted file and the family it is meant for.
package struct SSTFile: Sendable, Hashable {
  package var family: ColumnFamily
  package var path: String

  package init(_ family: ColumnFamily, path: String) {
    self.family = family
    self.path = path
  }
}

/// The least and the greatest key of a sorted file.
package struct SSTBounds: Sendable, Hashable {
  package var first: [UInt8]
  package var last: [UInt8]

  package init(first: [UInt8], last: [UInt8]) {
    self.first = first
    self.last = last
  }
}
