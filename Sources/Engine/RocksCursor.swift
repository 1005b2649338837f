import RocksDB

/// A cursor over a RocksDB iterator.
final class RocksCursor: KVCursor {
  private let iterator: DBIterator

  init(_ iterator: consuming DBIterator) {
    self.iterator = iterator
  }

  var isValid: Bool { iterator.isValid }

  func seekToFirst() { iterator.seekToFirst() }
  func seekToLast() { iterator.seekToLast() }
  func seek(_ key: [UInt8]) { iterator.seek(key) }
  func seekForPrev(_ key: [UInt8]) { iterator.seekForPrev(key) }
  func next() { iterator.next() }
  func prev() { iterator.prev() }

  var key: [UInt8] { iterator.key }
  var value: [UInt8] { iterator.value }

  func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try iterator.withKey(body)
  }

  func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try iterator.withValue(body)
  }

  func finish() throws(EngineError) {
    try translating { () throws(RocksDBError) in try iterator.finish() }
  }
}
