/// The append messages to one peer that are not acknowledged, oldest first: the window of flow control.
package struct Inflights: Sendable, Equatable {
  struct Item: Sendable, Equatable {
    /// The last index in the message.
    var index: UInt64
    var bytes: UInt64
  }

  private var start = 0
  /// Messages in the window.
  private(set) package var count = 0
  /// Payload bytes in the window.
  private(set) var bytes: UInt64 = 0
  /// Limit of `count`. `resize` may lower it below `count`.
  private(set) package var size: Int
  /// Limit of `bytes`; 0: none. The message that reaches it may exceed it.
  let maxBytes: UInt64
  /// A ring buffer that grows on demand up to `size`.
  private var buffer: [Item] = []

  package init(size: Int, maxBytes: UInt64) {
    self.size = size
    self.maxBytes = maxBytes
  }

  /// Whether no message may be sent until one is acknowledged.
  package var isFull: Bool { count >= size || (maxBytes != 0 && bytes >= maxBytes) }

  /// Adds a sent message. Traps when the window is full. Indexes ascend.
  package mutating func add(index: UInt64, bytes added: UInt64) {
    precondition(!isFull, "cannot add into a full inflights")
    if count == buffer.count { grow() }
    var next = start + count
    if next >= buffer.count { next -= buffer.count }
    buffer[next] = Item(index: index, bytes: added)
    count += 1
    bytes += added
  }

  /// Removes the messages whose last index is at or below `index`.
  package mutating func free(through index: UInt64) {
    while count > 0, buffer[start].index <= index {
      bytes -= buffer[start].bytes
      start += 1
      if start == buffer.count { start = 0 }
      count -= 1
    }
    if count == 0 { start = 0 }
  }

  /// Removes all messages; keeps the memory.
  package mutating func reset() {
    start = 0
    count = 0
    bytes = 0
  }

  /// Frees the memory of an empty window.
  mutating func releaseBuffer() {
    if count == 0 { buffer = [] }
  }

  /// Changes the limit of messages; those in the window stay. 0 pauses the peer.
  mutating func resize(to newSize: Int) {
    size = newSize
  }

  /// The last index of each message, oldest first.
  package var indexes: [UInt64] {
    (0..<count).map { buffer[(start + $0) % buffer.count].index }
  }

  private mutating func grow() {
    var grown: [Item] = []
    grown.reserveCapacity(max(1, buffer.count * 2))
    for offset in 0..<count { grown.append(buffer[(start + offset) % buffer.count]) }
    let target = min(max(1, buffer.count * 2), max(size, count + 1))
    while grown.count < target { grown.append(Item(index: 0, bytes: 0)) }
    buffer = grown
    start = 0
  }
}
