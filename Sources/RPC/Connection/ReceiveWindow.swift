import NIOCore

/// The bytes a stream has received and not delivered, and the flow-control window left to its peer.
struct ReceiveWindow {
  var assembler: MessageAssembler
  var backlog = MessageBacklog()

  /// Messages are delivered only while there is capacity for their responses.
  var isGated = false
  /// Messages are delivered whatever the state of the responses: the receiver gives none to speak of.
  var isServedAlways = false
  /// Delivered messages hold the peer's window until the receiver is done with them.
  var isManual = false
  /// The receiver wants no message for now.
  var isPaused = false
  /// The receiver waits for capacity for its responses; `retry` notifies it.
  var awaitsCapacity = false
  /// What comes now is of no interest: the response is decided.
  var isIgnored = false
  /// The peer has ended its side; the receiver is notified after the backlog.
  var endsAfterBacklog = false

  /// In the connection's list of those that wait for capacity.
  var isBlocked = false
  /// In the connection's list of those whose message has no capacity to grow.
  var isStarved = false
  /// In its connection's lane of those with a message to decompress.
  var isInflating = false

  /// The peer's whole window on this stream.
  var window: Int
  /// Received, and not yet given back to the window.
  var uncredited = 0
  /// Delivered in manual mode, and not yet consumed.
  var held = 0
  /// Of a request that waits for its end or for capacity, and of its headers where they are large.
  var request = 0
  /// Made so far of the message that is being decompressed.
  var inflated = 0
  /// What the connection has counted as held by this stream.
  var counted = 0
  /// How much of that is an unfinished message.
  var unfinished = 0

  init(limit: Int, window: Int) {
    assembler = MessageAssembler(limit: limit)
    self.window = window
  }

  /// Bytes held for the receiver.
  var bytes: Int { assembler.heldBytes + backlog.bytes + held + request + inflated }

  mutating func discard() {
    assembler.discard()
    backlog.removeAll()
    held = 0
    request = 0
    inflated = 0
    awaitsCapacity = false
    endsAfterBacklog = false
  }
}
