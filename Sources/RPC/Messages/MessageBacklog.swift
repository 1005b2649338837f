import NIOCore

/// Messages of one stream that have come and not yet been passed on, oldest first.
struct MessageBacklog {
  struct Entry {
    var message: ByteBuffer
    var isCompressed: Bool
  }

  private var entries: [Entry] = []
  private var start = 0
  /// Of the messages and their prefixes.
  private(set) var bytes = 0

  var isEmpty: Bool { start == entries.count }
  var first: Entry? { isEmpty ? nil : entries[start] }

  mutating func append(_ message: ByteBuffer, isCompressed: Bool) {
    entries.append(Entry(message: message, isCompressed: isCompressed))
    bytes += Self.cost(message)
  }

  /// Puts what the first message decompresses to in its place.
  mutating func replaceFirst(_ message: ByteBuffer) {
    guard !isEmpty else { return }
    bytes += Self.cost(message) - Self.cost(entries[start].message)
    entries[start] = Entry(message: message, isCompressed: false)
  }

  mutating func removeFirst() {
    guard !isEmpty else { return }
    bytes -= Self.cost(entries[start].message)
    entries[start].message = ByteBuffer()
    start += 1
    if start == entries.count {
      entries.removeAll(keepingCapacity: entries.count <= 64)
      start = 0
    } else if start >= 256, start * 2 > entries.count {
      entries.removeFirst(start)
      start = 0
    }
  }

  mutating func removeAll() {
    entries = []
    start = 0
    bytes = 0
  }

  /// What an entry takes: its place here, its bytes, and the two blocks of memory they are in.
  private static func cost(_ message: ByteBuffer) -> Int {
    let overhead = message.readableBytes == 0 ? 0 : 96
    return message.readableBytes + MemoryLayout<Entry>.stride + overhead
  }
}
