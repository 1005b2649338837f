/// What a node wants done: stored, sent and applied, in the order its owner's mode prescribes.
package struct Ready: Sendable, Equatable {
  /// Present if leader or role changed.
  package var softState: SoftState?
  /// Present if it changed; to be stored before `messages` leave (synchronous mode).
  package var hardState: HardState?
  package var readStates: [ReadState] = []
  /// To be stored before `messages` leave (synchronous mode).
  package var entries: [Entry] = []
  /// To be stored before `messages` leave (synchronous mode).
  package var snapshot: Snapshot?
  /// To be applied to the state machine (synchronous mode).
  package var committedEntries: [Entry] = []
  /// In asynchronous mode these include work for the storage threads; the other messages may
  /// leave at once.
  package var messages: [Message] = []
  /// Whether what is to be stored must survive a crash before going on.
  package var mustSync = false

  package init() {}
}
