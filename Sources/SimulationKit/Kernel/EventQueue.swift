import Collections

/// Something that will happen.
struct Event {
  /// Virtual nanoseconds.
  var time: UInt64
  /// Unique and ascending: breaks ties.
  var number: UInt64
  /// Where it happens; nil: outside of all processes.
  var process: SimulatedProcess?
  var ticket: Ticket
  var body: () -> Void
}

extension Event: Comparable {
  static func < (left: Event, right: Event) -> Bool {
    left.time == right.time ? left.number < right.number : left.time < right.time
  }

  static func == (left: Event, right: Event) -> Bool { left.number == right.number }
}

/// Events in the order of their time; of equal time, in the order in which they were added.
struct EventQueue {
  private var heap = Heap<Event>()

  /// When the next event is due; nil when there is none.
  var nextTime: UInt64? { heap.min?.time }

  mutating func insert(_ event: Event) { heap.insert(event) }

  mutating func removeFirst() -> Event? { heap.popMin() }
}
