import NIOCore

/// The messages a stream has still to send. One message, the common case, needs no allocation.
struct OutboundQueue {
  private var head: OutboundMessage?
  private var rest: [OutboundMessage] = []
  private var restIndex = 0
  /// From this many bytes on the queue is full. More is taken all the same.
  private let capacity: Int
  /// Bytes to be written, message prefixes included.
  private(set) var bytes = 0
  /// The queue was full and has not drained to half of its capacity since.
  private(set) var wasFull = false

  init(capacity: Int) { self.capacity = capacity }

  var isEmpty: Bool { head == nil }

  mutating func append(_ payload: ByteBuffer) {
    append(OutboundMessage(payload: payload), payload.readableBytes + OutboundMessage.prefixBytes)
  }

  mutating func append(raw body: ByteBuffer) {
    append(OutboundMessage(raw: body), body.readableBytes)
  }

  private mutating func append(_ message: OutboundMessage, _ size: Int) {
    if head == nil { head = message } else { rest.append(message) }
    bytes += size
    if bytes >= capacity { wasFull = true }
  }

  /// Returns how many bytes there were.
  mutating func removeAll() -> Int {
    head = nil
    rest.removeAll()
    restIndex = 0
    defer { bytes = 0 }
    return bytes
  }

  /// Moves exactly `count` bytes (the caller knows they are there) to `out`. True if a queue that was full
  /// has thereby drained to half of its capacity.
  mutating func move(_ count: Int, to out: inout ByteBuffer) -> Bool {
    var left = count
    while left > 0, head != nil {
      left -= head?.move(left, to: &out) ?? 0
      if head?.isDone ?? false { advance() }
    }
    bytes -= count
    guard wasFull, bytes <= capacity / 2 else { return false }
    wasFull = false
    return true
  }

  private mutating func advance() {
    guard restIndex < rest.count else {
      head = nil
      return
    }
    head = rest[restIndex]
    restIndex += 1
    if restIndex == rest.count {
      rest.removeAll(keepingCapacity: rest.count <= 64)
      restIndex = 0
    } else if restIndex >= 256, restIndex * 2 > rest.count {
      rest.removeFirst(restIndex)
      restIndex = 0
    }
  }
}
