/// Something that will happen.
struct Event {
  /// Virtual nanoseconds.
  var time: UInt64
  /// Ascends: breaks ties.
  var number: UInt64
  var process: SimulatedProcess?
  var ticket: Ticket
  var body: () -> Void

  func precedes(_ other: Event) -> Bool {
    time == other.time ? number < other.number : time < other.time
  }
}

/// A binary heap of events, the next one first.
struct EventQueue {
  private var heap: [Event] = []

  var first: Event? { heap.first }
  var count: Int { heap.count }

  mutating func insert(_ event: Event) {
    var place = heap.count
    heap.append(event)
    while place > 0 {
      let parent = (place - 1) / 2
      guard heap[place].precedes(heap[parent]) else { return }
      heap.swapAt(place, parent)
      place = parent
    }
  }

  /// The queue must not be empty.
  mutating func removeFirst() -> Event {
    precondition(!heap.isEmpty, "there is an event to remove")
    heap.swapAt(0, heap.count - 1)
    let event = heap.removeLast()
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      if least == place { return event }
      heap.swapAt(place, least)
      place = least
    }
  }
}
