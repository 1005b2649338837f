/// A read or a write of a single register, with its value as a small number.
struct RegisterCall {
  var start: UInt64
  /// Nil for an open-ended write: it may take effect at any time after its start, or never.
  var end: UInt64?
  var value: Int32
  var isWrite: Bool
  /// Of a write: the value without which it does not happen; nil: it always does.
  var expected: Int32?
}

/// Searches for a linearization of the calls on one register: an order in which each read returns the value written last,
/// and in which a call that ended before another started comes before it. Calls that touch at one instant may be in
/// either order.
///
/// The algorithm is Wing and Gong's: starts and ends are in a linked list in order of time; a call may be next if it starts
/// before the first end in the list; placing it removes both its events; backtracking inserts them again. Lowe's cache keeps
/// failed configurations from being searched again. A register allows most choices to be final, which makes the search
/// fast. For each rule below, any linearization of the rest can be changed into one that begins with the rule's choice:
///
/// 1. *A read of the present value that may come next is placed at once.* It changes nothing, and
///    nothing has to come before it.
/// 2. So what comes next is a write, and the present value does not matter: it will be overwritten. A
///    configuration is the set of placed calls alone.
/// 3. *Of the writes of one value that may come next, the one that ends first is chosen.* Two of them can be exchanged:
///    the one moved later has the later end.
/// 4. *A write that can be followed at once by every read that it could ever serve is placed at once.* Move these to the
///    front: at the write's old position no read needs it any more, and the present value is about to be overwritten. A write
///    cannot serve a read that starts after the end of another write that started after this one's end (`horizon`). A write
///    without reads is the simplest case.
/// 5. *An open-ended write is placed only before a read of its value that may come next, and only when
///    no other write of the value may.* One that no read follows has no effect; one whose value is never read is dropped at
///    the start. Those of one value differ only in their start, so it is enough to count how many were used, and having used
///    fewer is never worse.
///
/// With values written once there is nothing left to choose. Values written repeatedly, mostly deletes, branch.
struct RegisterSearch {
  enum Result {
    case linearizable
    case violation
    case abandoned
  }

  /// A state of the search with untried choices.
  private struct ChoicePoint {
    /// The start of its untried choices in `choices`; they end where those of the next choice point start.
    var choices: Int
    var trail: Int
    var highest: Int32
  }

  var timeline: RegisterTimeline
  private var value: Int32
  private var stepsLeft: Int

  private var points: [ChoicePoint] = []
  /// Untried choices of all points, the next one of each last: a call, or the complement of a value for an open-ended write
  /// of it.
  private var choices: [Int32] = []
  /// The choices placed since the first choice point, in order.
  private var trail: [Int32] = []
  /// The last call, by start, that is placed.
  private var highest: Int32 = -1
  private var cache = SearchCache()
  /// The latest end among calls that caused a dead end: where a fault is likely.
  private(set) var farthest: UInt64 = 0

  // The candidates found by the last `placeReads`, by value.
  private var firstWriter: [Int32]
  private var isWanted: [Bool]
  private var seenValues: [Int32] = []

  init(_ calls: [RegisterCall], initial: Int32, valueCount: Int, steps: Int) {
    timeline = RegisterTimeline(calls, valueCount: valueCount, initial: initial)
    value = initial
    // Placing each call once is free.
    stepsLeft = steps + calls.count
    firstWriter = .init(repeating: -1, count: valueCount)
    isWanted = .init(repeating: false, count: valueCount)
  }

  /// Starts the search, or continues one that was abandoned and was allowed more steps.
  mutating func run() -> Result {
    while stepsLeft > 0 {
      guard let firstEnd = placeReads() else { return .linearizable }
      // The present value is about to be overwritten: a read of it that is left needs another write.
      if let read = timeline.unservableRead(of: value) {
        farthest = max(farthest, timeline.ends[read])
      } else if commitPlacement(before: firstEnd) || branch(at: firstEnd) {
        continue
      }
      guard backtrack() else { return .violation }
    }
    return .abandoned
  }

  mutating func allow(_ steps: Int) { stepsLeft = max(0, stepsLeft) + steps }

  // MARK: Moves

  private mutating func place(_ call: Int32) {
    timeline.lift(call)
    highest = max(highest, call)
    if !points.isEmpty {
      trail.append(call)
      stepsLeft -= 1
    }
  }

  private mutating func write(_ choice: Int32) {
    if choice >= 0 {
      place(choice)
      value = timeline.values[Int(choice)]
    } else {
      timeline.useOpenWrite(of: ~choice)
      value = ~choice
      if !points.isEmpty { trail.append(choice) }
    }
  }

  /// Places the reads of the present value that may come next, and records the other calls that may. Returns the call with
  /// the first end; nil if all calls are placed.
  private mutating func placeReads() -> Int32? {
    for value in seenValues {
      firstWriter[Int(value)] = -1
      isWanted[Int(value)] = false
    }
    seenValues.removeAll(keepingCapacity: true)
    var node = timeline.next(RegisterTimeline.head)
    while node != RegisterTimeline.head {
      let following = timeline.next(node)
      let call = timeline.call(at: node)
      if timeline.isEnd(node) { return call }
      let seen = timeline.values[Int(call)]
      if timeline.isWrite[Int(call)] {
        record(seen)
        let first = firstWriter[Int(seen)]
        if first < 0 || timeline.ends[Int(call)] < timeline.ends[Int(first)] {
          firstWriter[Int(seen)] = call
        }
      } else if seen == value {
        // Its end comes later in the list, and may be the very next event.
        place(call)
        node = timeline.next(timeline.previous(ofLifted: call))
        continue
      } else {
        record(seen)
        isWanted[Int(seen)] = true
      }
      node = following
    }
    return nil
  }

  private mutating func record(_ value: Int32) {
    if firstWriter[Int(value)] < 0, !isWanted[Int(value)] { seenValues.append(value) }
  }

  /// Rules 4 and 5: a write that can be placed together with all that it could serve.
  private mutating func commitPlacement(before firstEnd: Int32) -> Bool {
    for value in seenValues {
      let writer = firstWriter[Int(value)]
      if writer >= 0 {
        guard
          timeline.servesAtOnce(value, writer: writer, until: timeline.horizons[Int(writer)])
        else { continue }
        write(writer)
        return true
      }
      if isWanted[Int(value)], timeline.hasOpenWrite(of: value, before: firstEnd),
        timeline.servesAtOnce(value, writer: nil, until: .max)
      {
        write(~value)
        return true
      }
    }
    return false
  }

  /// Makes the best of the possible choices and keeps the others. False at a dead end.
  private mutating func branch(at firstEnd: Int32) -> Bool {
    let needed = timeline.isWrite[Int(firstEnd)] ? nil : timeline.values[Int(firstEnd)]
    var found: [Int32] = []
    var isNeededThere = needed == nil
    var unserved = timeline.ends[Int(firstEnd)]
    for value in seenValues {
      let writer = firstWriter[Int(value)]
      let isOpen =
        writer < 0 && isWanted[Int(value)] && timeline.hasOpenWrite(of: value, before: firstEnd)
      guard writer >= 0 || isOpen else { continue }
      if value == needed { isNeededThere = true }
      // It cannot serve all reads of the value, so another write of the value must be left.
      if timeline.writersLeft(of: value) > 1 {
        found.append(writer >= 0 ? writer : ~value)
      } else if writer >= 0,
        let read = timeline.lastRead(of: value, until: timeline.horizons[Int(writer)])
      {
        unserved = max(unserved, timeline.ends[read])
      }
    }
    guard isNeededThere, !found.isEmpty else {
      farthest = max(farthest, unserved)
      return false
    }
    if found.count == 1, points.isEmpty {
      write(found[0])
      return true
    }
    guard !cache.isDeadEnd(timeline, through: highest) else { return false }
    found.sort { rank($0, needed: needed) > rank($1, needed: needed) }
    points.append(ChoicePoint(choices: choices.count, trail: trail.count, highest: highest))
    choices += found
    takeNextChoice()
    return true
  }

  /// First the value that the call with the first end needs, then the earliest end, then open-ended writes.
  private func rank(_ choice: Int32, needed: Int32?) -> (Int, UInt64, Int32) {
    let value = choice >= 0 ? timeline.values[Int(choice)] : ~choice
    let end = choice >= 0 ? timeline.ends[Int(choice)] : .max
    return (value == needed ? 0 : 1, end, value)
  }

  private mutating func takeNextChoice() {
    guard let choice = choices.popLast() else { return }
    stepsLeft -= 1
    write(choice)
  }

  /// Returns to the last choice point with an untried choice. False if there is none.
  private mutating func backtrack() -> Bool {
    while let point = points.last {
      while trail.count > point.trail, let placed = trail.popLast() {
        if placed >= 0 {
          timeline.putBack(placed)
        } else {
          timeline.returnOpenWrite(of: ~placed)
        }
      }
      highest = point.highest
      if choices.count > point.choices {
        takeNextChoice()
        return true
      }
      // Recorded only when all choices have failed: a configuration further on may be subsumed by this one, and must not
      // count as a dead end while this one is being searched.
      stepsLeft -= Self.cachedFailureCost + cache.recordFailure(timeline, through: highest) / 8
      points.removeLast()
    }
    return false
  }

  /// The cost of a cached configuration in steps: memory is exhausted first.
  private static let cachedFailureCost = 8
}
