/// A finished sorted file and the family it is meant for.
package struct SSTFile: Sendable, Hashable {
  package var family: ColumnFamily
  package var path: String

  package init(_ family: ColumnFamily, path: String) {
    self.family = family
    self.path = path
  }
}
