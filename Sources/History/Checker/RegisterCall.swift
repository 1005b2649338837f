/// A read or a write of a single register, with its value as a small number.
struct RegisterCall {
  var start: UInt64
  /// Nil for a write that may take effect at any time after its start, or never.
  var end: UInt64?
  var value: Int32
  var isWrite: Bool
}
