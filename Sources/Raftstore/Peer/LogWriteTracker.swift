import Raft

/// What one peer has given to the log writer, and how far that has come.
///
/// Tasks of a peer are numbered from 1, without gaps, and are done in this order.
struct LogWriteTracker {
  /// The number of the last task; 0: none yet.
  private(set) var lastNumber: UInt64 = 0
  /// All tasks up to this one are durable.
  private(set) var persistedNumber: UInt64 = 0
  /// An acknowledgment was asked for that covers all tasks up to this one.
  private var awaitedAck: UInt64 = 0
  /// Term, vote and commit index as they were last written, or are about to be.
  var hardState: HardState

  init(hardState: HardState) { self.hardState = hardState }

  /// Whether the log writer has done all it was given.
  var isQuiet: Bool { persistedNumber == lastNumber }

  /// The number that the next task will get.
  var nextNumber: UInt64 { lastNumber + 1 }

  mutating func takeNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  /// Whether no acknowledgment is on its way that covers everything so far.
  var lacksAck: Bool { awaitedAck < lastNumber }

  /// The last task asks for an acknowledgment.
  mutating func noteAckRequested() { awaitedAck = lastNumber }

  mutating func persisted(_ number: UInt64) {
    precondition(number <= lastNumber, "task \(number) was never given, the last was \(lastNumber)")
    persistedNumber = max(persistedNumber, number)
  }
}
