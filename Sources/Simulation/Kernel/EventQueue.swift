/// Something that will happen.
struct Event {
  /// Virtual nanoseconds.
  var time: UInt64
  /// Ascends: breaks ties.
  var number: UInt64
  var process: SimulatedProcess?
  var ticket: Ticket
  var body: () -> Void
}

/// A binary heap of events, the next one first. The heap itself holds plain numbers; what will happen
/// lies still in a slot until its turn.
struct EventQueue {
  private struct Key {
    var time: UInt64
    var number: UInt64
    var slot: Int

    func precedes(_ other: Key) -> Bool {
      time == other.time ? number < other.number : time < other.time
    }
  }

  private var heap: [Key] = []
  private var slots: [Event?] = []
  private var free: [Int] = []

  /// When the next event is due.
  var nextTime: UInt64? { heap.first?.time }
  var count: Int { heap.count }

  mutating func insert(_ event: Event) {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = event
    } else {
      slot = slots.count
      slots.append(event)
    }
    let key = Key(time: event.time, number: event.number, slot: slot)
    var place = heap.count
    heap.append(key)
    while place > 0 {
      let parent = (place - 1) / 2
      guard key.precedes(heap[parent]) else { break }
      heap[place] = heap[parent]
      place = parent
    }
    heap[place] = key
  }

  mutating func removeFirst() -> Event? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty { sink(last) }
    let event = slots[first.slot]
    slots[first.slot] = nil
    free.append(first.slot)
    return event
  }

  /// Puts a key in at the top.
  private mutating func sink(_ key: Key) {
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
      guard heap[child].precedes(key) else { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = key
  }
}
