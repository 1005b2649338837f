/// Work of a node for its owner: what to store, send and apply. Modeled on etcd's `Ready`.
///
/// **Synchronous mode.** The owner, in this order:
///
/// 1. stores `snapshot`, `entries` and `hardState`, durably if `mustSync`;
/// 2. sends `messages`: some acknowledge what step 1 has stored;
/// 3. applies `snapshot` and `committedEntries` to the state machine, and calls `applyConfChange` for
///    membership changes among them;
/// 4. calls `RawNode.advance`.
///
/// **Asynchronous mode** (`Config.asyncStorageWrites`). `messages` contains a `storageAppend` to
/// `NodeID.appendThread` for step 1 and a `storageApply` to `NodeID.applyThread` for step 3. The other
/// messages may be sent at once. Each of the two threads does its work in the order of the readies, and
/// then delivers the message's `responses`: those to this node by `RawNode.step`. `entries`, `hardState`
/// and `committedEntries` are copies for information; `advance` is not called.
package struct Ready: Sendable, Equatable {
  /// Leader and role; nil if neither has changed. Not stored.
  package var softState: SoftState?
  /// Term, vote and commit index to store; nil if they have not changed.
  package var hardState: HardState?
  /// Reads that may be served once the state machine has applied their index.
  package var readStates: [ReadState] = []
  /// Entries to append to the stored log. They replace stored ones from the index of the first on.
  package var entries: [Entry] = []
  /// A snapshot to store; it replaces log and state machine. `entries` follow it.
  package var snapshot: Snapshot?
  /// Committed entries to apply, in order and without a gap to those of the readies before. In
  /// synchronous mode they may be among `entries` of the same ready.
  package var committedEntries: [Entry] = []
  /// Messages to other nodes and, in asynchronous mode, to the storage threads. They may be lost,
  /// duplicated and reordered between nodes.
  package var messages: [Message] = []
  /// Whether step 1 must be durable before messages are sent: entries, term or vote have changed. A
  /// commit index alone may be lost in a crash.
  package var mustSync = false

  package init() {}
}
