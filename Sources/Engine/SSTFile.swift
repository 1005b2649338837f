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

/// Writes one sorted file that an engine of the same kind can ingest whole.
package protocol SSTWriter: AnyObject {
  /// Adds a pair; keys must ascend strictly.
  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError)
  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError)

  /// Pairs added so far.
  var count: UInt64 { get }
  /// Bytes the file has now; the last word is `finish()`'s.
  var fileSize: UInt64 { get }

  /// Completes the file, makes it durable, and tells its size. At least one pair must be in it.
  func finish() throws(EngineError) -> UInt64
  /// Gives up: the file is removed. Dropping an unfinished writer does the same.
  func abandon()
}
