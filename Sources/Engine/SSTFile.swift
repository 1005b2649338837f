/// A finished SST file and the family it is for.
package struct SSTFile: Sendable, Hashable {
  package var family: ColumnFamily
  package var path: String

  package init(_ family: ColumnFamily, path: String) {
    self.family = family
    self.path = path
  }
}

/// The smallest and the largest key of an SST file, both inclusive.
package struct SSTBounds: Sendable, Hashable {
  package var first: [UInt8]
  package var last: [UInt8]

  package init(first: [UInt8], last: [UInt8]) {
    self.first = first
    self.last = last
  }
}

/// Writes one SST file for an engine of the same kind. For one thread at a time.
package protocol SSTWriter: AnyObject {
  /// Adds a pair. Keys must strictly ascend; otherwise throws `invalid`.
  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError)
  /// Adds a pair without copying it into arrays first.
  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError)

  /// The number of pairs so far.
  var count: UInt64 { get }
  /// The bytes of the file so far. Exact only after `finish()`.
  var fileSize: UInt64 { get }

  /// Completes the file, makes its contents durable, and returns its size in bytes. Throws `invalid` if there is no
  /// pair. Its name is durable after `FileSystem.syncDirectory`.
  func finish() throws(EngineError) -> UInt64
  /// Removes the unfinished file. Releasing the writer does the same.
  func abandon()
}
