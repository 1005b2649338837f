/// A position in an ordered range of keys, at one state of the engine. For one thread at a time.
///
/// A new cursor is not valid until a seek. A failed read makes it invalid, as the end of the range does;
/// `finish()` distinguishes the two, so every scan to the end must call it.
package protocol KVCursor: AnyObject {
  /// Whether the cursor is at a pair.
  var isValid: Bool { get }

  /// Moves to the first key of the range.
  func seekToFirst()
  /// Moves to the last key of the range.
  func seekToLast()
  /// Moves to the first key at or after `key`.
  func seek(_ key: [UInt8])
  /// Moves to the last key at or before `key`.
  func seekForPrev(_ key: [UInt8])
  /// Moves to the next key. Traps if the cursor is not valid.
  func next()
  /// Moves to the previous key. Traps if the cursor is not valid.
  func prev()

  /// A copy of the key; empty if the cursor is not valid.
  var key: [UInt8] { get }
  /// A copy of the value; empty if the cursor is not valid.
  var value: [UInt8] { get }

  /// Calls `body` with the key in the engine's memory, without a copy; empty if the cursor is not valid.
  func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R
  /// Calls `body` with the value in the engine's memory, without a copy; empty if the cursor is not valid.
  func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R

  /// Throws the error that has made the cursor invalid, if there was one.
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
