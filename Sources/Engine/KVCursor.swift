/// A position in an ordered range of keys. It belongs to one thread.
///
/// A failing read makes the cursor invalid, as the end of the range does; `finish()` tells them
/// apart, and a scan that does not call it has not been read to its end.
package protocol KVCursor: AnyObject {
  /// Whether the cursor stands on a pair.
  var isValid: Bool { get }

  func seekToFirst()
  func seekToLast()
  /// To the first key at or after `key`.
  func seek(_ key: [UInt8])
  /// To the last key at or before `key`.
  func seekForPrev(_ key: [UInt8])
  /// One key forward; the cursor must be valid.
  func next()
  /// One key back; the cursor must be valid.
  func prev()

  /// A copy of the key; empty when the cursor is not valid.
  var key: [UInt8] { get }
  /// A copy of the value; empty when the cursor is not valid.
  var value: [UInt8] { get }

  /// The key where the engine holds it, for the length of the call.
  func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R
  /// The value where the engine holds it, for the length of the call.
  func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R

  /// Throws what has ended the scan early, if something has.
  func finish() throws(EngineError)
}

/// One stored pair.
package struct KeyValue: Sendable, Hashable {
  package var key: [UInt8]
  package var value: [UInt8]

  package init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }
}
