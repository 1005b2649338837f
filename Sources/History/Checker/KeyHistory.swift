/// The calls on one key, with values replaced by small numbers.
struct KeyHistory {
  /// One per access, in their order.
  private(set) var calls: [RegisterCall] = []
  private(set) var initial = Self.absent
  private(set) var valueCount = 1
  /// Whether a write depends on the value before it.
  private(set) var hasSwaps = false

  /// The number that stands for the key's absence.
  static let absent: Int32 = 0

  init(_ accesses: ArraySlice<KeyAccess>, in history: [Operation], initial: [UInt8]?) {
    var numbers: [[UInt8]: Int32] = [:]
    var next = Self.absent + 1
    func number(_ value: [UInt8]?) -> Int32 {
      guard let value else { return Self.absent }
      let known = numbers[value, default: next]
      if known == next {
        numbers[value] = next
        next += 1
      }
      return known
    }
    self.initial = number(initial)
    calls.reserveCapacity(accesses.count)
    for access in accesses {
      let operation = history[Int(access.call)]
      var call = RegisterCall(
        start: operation.start, end: operation.outcome == .unknown ? nil : operation.end,
        value: number(access.value(in: history)), isWrite: access.isWrite)
      if let expected = access.expectation(in: history) {
        call.expected = number(expected)
        hasSwaps = true
      }
      calls.append(call)
    }
    valueCount = Int(next)
  }
}
