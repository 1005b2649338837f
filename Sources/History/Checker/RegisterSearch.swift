/// A read or a write of a single register, with its value as a small number.
struct RegisterCall {
  var start: UInt64
  /// Nil for a write that may take effect at any time after its start, or never.
  var end: UInt64?
  var value: Int32
  var isWrite: Bool
}

/// Looks for an order of the calls on one register that explains what each of them saw, within what
/// real time allows: a call that ended before another started comes before it. Calls that touch at one
/// instant may go either way.
///
/// The frame is Wing and Gong's: starts and ends in a linked list in the order of time; a call may come
/// next when it starts before the first end in the list; placing it lifts both its events out; a dead
/// end puts them back and tries another. Lowe's memory keeps what has failed from being tried again.
/// What makes it fast is that a register allows most choices to be made once and for all. Each
/// rule below takes any order that explains the rest and shows one that begins with the rule's choice:
///
/// 1. *A read of the present value that may come next is placed at once.* It changes nothing, and
///    nothing need come before it.
/// 2. So what comes next is a write, and the present value does not matter: it will be overwritten. A
///    configuration is the set of placed calls alone.
/// 3. *Of the writes of one value that may come next, the one that ends first.* Two of them trade
///    places: the one moved later has the later end.
/// 4. *A write followed at once by every read that it could ever serve is placed at once.* Move these
///    to the front: where the write was, no one needs it any more, and the front is about to be
///    overwritten anyway. A write cannot serve a read that starts after another write, itself started
///    after this one's end, has ended (`horizon`). A write that no one reads is the simplest case.
/// 5. *An open-ended write is placed only before a read of its value that may come next, and only when
///    no other write of the value may.* One that no read follows has no effect; one that no one ever
///    reads the value of is dropped at the outset. Those of one value differ in their start alone, so
///    counting how many were used is enough, and having used fewer is never worse.
///
/// With values written once, nothing is left to choose. The rest — deletes, mostly — branches.
struct RegisterSearch {
  enum Result {
    case explained
    case inexplicable
    case givenUp
  }

  /// Where the search may turn to another choice.
  private struct ChoicePoint {
    /// Where its untried choices begin in `choices`; they reach to the next choice point's.
    var choices: Int
    var trail: Int
    var highest: Int32
  }

  var timeline: RegisterTimeline
  private var value: Int32
  private var stepsLeft: Int

  private var points: [ChoicePoint] = []
  /// Untried choices of all points, the next one of each last: a call, or the complement of a value
  /// whose open-ended writes give one.
  private var choices: [Int32] = []
  /// What was placed since the first choice point, in order.
  private var trail: [Int32] = []
  /// The last call, by start, that is placed.
  private var highest: Int32 = -1
  private var cache = SearchCache()
  /// When the last of the calls ended that a dead end was due to: the place to look for a fault.
  private(set) var farthest: UInt64 = 0

  // What one walk to the first end has seen; reset by the next.
  private var firstWriter: [Int32]
  private var isWanted: [Bool]
  private var seenValues: [Int32] = []

  init(_ calls: [RegisterCall], initial: Int32, valueCount: Int, steps: Int) {
    timeline = RegisterTimeline(calls, valueCount: valueCount, initial: initial)
    value = initial
    // What goes well costs nothing.
    stepsLeft = steps + calls.count
    firstWriter = .init(repeating: -1, count: valueCount)
    isWanted = .init(repeating: false, count: valueCount)
  }

  /// Starts the search, or goes on with one that was given up and has been allowed more.
  mutating func run() -> Result {
    while stepsLeft > 0 {
      guard let firstEnd = walk() else { return .explained }
      // The present value is about to be overwritten: whoever still wants it needs another writer.
      if let orphan = timeline.orphan(of: value) {
        farthest = max(farthest, timeline.ends[orphan])
      } else if commitPlacement(before: firstEnd) || branch(at: firstEnd) {
        continue
      }
      guard backtrack() else { return .inexplicable }
    }
    return .givenUp
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

  /// Places the reads of the present value that may come next, and notes what else may. The call
  /// whose end comes first, nil when all calls are placed.
  private mutating func walk() -> Int32? {
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
        note(seen)
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
        note(seen)
        isWanted[Int(seen)] = true
      }
      node = following
    }
    return nil
  }

  private mutating func note(_ value: Int32) {
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

  /// Takes the first of the choices that are left, and remembers the others. False at a dead end.
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
      // As it could not serve all who want the value now, it must not be the last to write it.
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

  /// What the first end waits for comes first, then what ends first, then open-ended writes.
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

  /// Goes back to the last choice point that has a choice left. False when there is none.
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
      // Noted only now that all choices have failed: what follows a configuration may be as good as
      // it, and must not be held hopeless because it is still being tried.
      stepsLeft -= Self.costOfMemory + cache.noteFailure(timeline, through: highest) / 8
      points.removeLast()
    }
    return false
  }

  /// What a remembered configuration costs in steps: memory is what runs out first.
  private static let costOfMemory = 8
}
