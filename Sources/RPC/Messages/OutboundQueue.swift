import NIOCore

/// The messages a stream has still to send. One message, the common case, needs no allocation.
struct OutboundQueue {
  private var head: OutboundMessage?
  private var rest: [OutboundMessage] = []
  private var restIndex = 0

  var isEmpty: Bool { head == nil }

  mutating func append(_ payload: ByteBuffer) { append(OutboundMessage(payload: payload)) }

  mutating func append(raw body: ByteBuffer) { append(OutboundMessage(raw: body)) }

  private mutating func append(_ message: OutboundMessage) {
    if head == nil { head = message } else { rest.append(message) }
  }

  mutating func removeAll() {
    head = nil
    rest.removeAll()
    restIndex = 0
  }

  /// Moves exactly `count` bytes (the caller knows they are there) to `out`.
  mutating func move(_ count: Int, to out: inout ByteBuffer) {
    var left = count
    while left > 0, head != nil {
      left -= head?.move(left, to: &out) ?? 0
      if head?.isDone ?? false { advance() }
    }
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
