/// The calls on one register and the linked list of their starts and ends, from which a search removes the calls that it
/// has placed.
///
/// Calls are numbered by start. Open-ended writes are not in the list, because they constrain nothing: they are counted per
/// value.
struct RegisterTimeline {
  // Of each call.
  private(set) var starts: [UInt64] = []
  private(set) var ends: [UInt64] = []
  private(set) var values: [Int32] = []
  private(set) var isWrite: [Bool] = []
  private(set) var isPlaced: [Bool]
  /// A write cannot serve a read that starts after this: another write lies between them.
  private(set) var horizons: [UInt64]

  // Of each value.
  private var readers: [[Int32]]
  private var writers: [[Int32]]
  private var unplacedReads: [Int32]
  private var unplacedWrites: [Int32]
  private var openStarts: [[UInt64]]
  private var openUsed: [Int32]
  /// The values whose used open-ended writes do not follow from the set of placed calls.
  private var countedValues: [Int32] = []

  // Of each event.
  static let head: Int32 = 0
  private var following: [Int32]
  private var preceding: [Int32]
  private var callsOfNodes: [Int32]
  private var endNodes: [Int32]
  private var startNodes: [Int32]

  init(_ calls: [RegisterCall], valueCount: Int, initial: Int32) {
    readers = .init(repeating: [], count: valueCount)
    writers = readers
    unplacedReads = .init(repeating: 0, count: valueCount)
    unplacedWrites = .init(repeating: 0, count: valueCount)
    openStarts = .init(repeating: [], count: valueCount)
    openUsed = .init(repeating: 0, count: valueCount)
    let order = calls.indices.sorted { (calls[$0].start, $0) < (calls[$1].start, $1) }
    for call in calls where !call.isWrite { unplacedReads[Int(call.value)] += 1 }
    for call in order.lazy.map({ calls[$0] }) {
      let value = Int(call.value)
      guard let end = call.end else {
        // The value was never read, so the call after this write can only be another write: the order is a linearization
        // without it, too.
        if unplacedReads[value] > 0 { openStarts[value].append(call.start) }
        continue
      }
      if call.isWrite {
        unplacedWrites[value] += 1
        writers[value].append(Int32(starts.count))
      } else {
        readers[value].append(Int32(starts.count))
      }
      starts.append(call.start)
      ends.append(end)
      values.append(call.value)
      isWrite.append(call.isWrite)
    }
    let count = starts.count
    isPlaced = .init(repeating: false, count: count)
    horizons = .init(repeating: .max, count: count)
    following = .init(repeating: Self.head, count: 2 * count + 1)
    preceding = following
    callsOfNodes = following
    endNodes = .init(repeating: Self.head, count: count)
    startNodes = endNodes
    for value in openStarts.indices where !openStarts[value].isEmpty {
      if openStarts[value].count > 1 || unplacedWrites[value] > 0 || value == Int(initial) {
        countedValues.append(Int32(value))
      }
    }
    linkEvents()
    setHorizons()
  }

  /// Starts and ends by time, starts first: calls that touch at one instant may be in either order.
  private mutating func linkEvents() {
    let byEnd = ends.indices.sorted { (ends[$0], $0) < (ends[$1], $1) }
    var node: Int32 = Self.head
    var nextStart = 0
    for ending in byEnd {
      while nextStart < starts.count, starts[nextStart] <= ends[ending] {
        node += 1
        startNodes[nextStart] = node
        callsOfNodes[Int(node)] = Int32(nextStart)
        nextStart += 1
      }
      node += 1
      endNodes[ending] = node
      callsOfNodes[Int(node)] = ~Int32(ending)
    }
    let last = Int(node)
    for index in 0...last {
      following[index] = index == last ? Self.head : Int32(index + 1)
      preceding[index] = index == 0 ? node : Int32(index - 1)
    }
  }

  private mutating func setHorizons() {
    let writes = starts.indices.filter { isWrite[$0] }
    // The earliest end among the writes from here on.
    var earliest = writes.map { ends[$0] }
    for index in earliest.indices.dropLast().reversed() {
      earliest[index] = min(earliest[index], earliest[index + 1])
    }
    for write in writes {
      let after = Self.firstIndex(in: writes) { starts[$0] > ends[write] }
      if after < writes.count { horizons[write] = earliest[after] }
    }
  }

  /// The first index for which the condition holds; it must hold for all later ones.
  private static func firstIndex<Element>(
    in array: [Element], where holds: (Element) -> Bool
  ) -> Int {
    var low = 0
    var high = array.count
    while low < high {
      let middle = (low + high) / 2
      if holds(array[middle]) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }

  // MARK: The list

  func next(_ node: Int32) -> Int32 { following[Int(node)] }

  func isEnd(_ node: Int32) -> Bool { callsOfNodes[Int(node)] < 0 }

  func call(at node: Int32) -> Int32 {
    let call = callsOfNodes[Int(node)]
    return call < 0 ? ~call : call
  }

  /// The event before the start of the call that was removed last.
  func previous(ofLifted call: Int32) -> Int32 { preceding[Int(startNodes[Int(call)])] }

  mutating func lift(_ call: Int32) {
    unlink(startNodes[Int(call)])
    unlink(endNodes[Int(call)])
    isPlaced[Int(call)] = true
    let value = Int(values[Int(call)])
    if isWrite[Int(call)] {
      unplacedWrites[value] -= 1
    } else {
      unplacedReads[value] -= 1
    }
  }

  /// Undoes `lift`, in reverse order.
  mutating func putBack(_ call: Int32) {
    relink(endNodes[Int(call)])
    relink(startNodes[Int(call)])
    isPlaced[Int(call)] = false
    let value = Int(values[Int(call)])
    if isWrite[Int(call)] {
      unplacedWrites[value] += 1
    } else {
      unplacedReads[value] += 1
    }
  }

  private mutating func unlink(_ node: Int32) {
    let before = preceding[Int(node)]
    let after = following[Int(node)]
    following[Int(before)] = after
    preceding[Int(after)] = before
  }

  private mutating func relink(_ node: Int32) {
    following[Int(preceding[Int(node)])] = node
    preceding[Int(following[Int(node)])] = node
  }

  // MARK: Open-ended writes

  /// Whether an unused open-ended write of the value may come next.
  func hasOpenWrite(of value: Int32, before firstEnd: Int32) -> Bool {
    let used = Int(openUsed[Int(value)])
    let starts = openStarts[Int(value)]
    return used < starts.count && starts[used] <= ends[Int(firstEnd)]
  }

  mutating func useOpenWrite(of value: Int32) { openUsed[Int(value)] += 1 }

  mutating func returnOpenWrite(of value: Int32) { openUsed[Int(value)] -= 1 }

  var usedOpenWrites: [Int32] { countedValues.map { openUsed[Int($0)] } }

  // MARK: Queries

  /// The number of writes of the value that are left.
  func writersLeft(of value: Int32) -> Int {
    Int(unplacedWrites[Int(value)]) + openStarts[Int(value)].count - Int(openUsed[Int(value)])
  }

  /// An unplaced read of the value that no write that is left can serve in time; nil if there is none.
  func unservableRead(of value: Int32) -> Int? {
    guard unplacedReads[Int(value)] > 0 else { return nil }
    let nextWrite = nextWrite(of: value)
    let reads = readers[Int(value)]
    for index in firstUnplaced(in: reads)..<reads.count {
      let read = Int(reads[index])
      if starts[read] >= nextWrite { return nil }
      if ends[read] < nextWrite, !isPlaced[read] { return read }
    }
    return nil
  }

  /// The start of the next write of the value that is left; `UInt64.max` if there is none.
  private func nextWrite(of value: Int32) -> UInt64 {
    let used = Int(openUsed[Int(value)])
    let open = openStarts[Int(value)]
    var start = used < open.count ? open[used] : .max
    let writes = writers[Int(value)]
    for index in firstUnplaced(in: writes)..<writes.count where !isPlaced[Int(writes[index])] {
      start = min(start, starts[Int(writes[index])])
      break
    }
    return start
  }

  /// An index at or before the first unplaced of some calls.
  private func firstUnplaced(in calls: [Int32]) -> Int {
    // Everything before the first call in the list is placed.
    let base = call(at: following[Int(Self.head)])
    return Self.firstIndex(in: calls) { $0 >= base }
  }

  /// Whether all unplaced reads of the value that start up to `horizon` may come directly after a
  /// write of it that comes next: `writer`, or an open-ended one.
  func servesAtOnce(_ value: Int32, writer: Int32?, until horizon: UInt64) -> Bool {
    guard unplacedReads[Int(value)] > 0, let last = lastRead(of: value, until: horizon) else {
      return true
    }
    // The first end of a call that is neither the write nor one of the reads: whatever starts after
    // it must wait.
    var node = following[Int(Self.head)]
    while node != Self.head {
      let call = callsOfNodes[Int(node)]
      if call < 0 {
        let ending = Int(~call)
        let isOurs = isWrite[ending] ? ~call == writer : values[ending] == value
        if !isOurs { return starts[last] <= ends[ending] }
      }
      node = following[Int(node)]
    }
    return true
  }

  /// The last unplaced read of the value that starts up to `horizon`.
  func lastRead(of value: Int32, until horizon: UInt64) -> Int? {
    let reads = readers[Int(value)]
    // Everything before the first call in the list is placed.
    let base = call(at: following[Int(Self.head)])
    var index = Self.firstIndex(in: reads) { starts[Int($0)] > horizon }
    while index > 0 {
      index -= 1
      if reads[index] < base { return nil }
      if !isPlaced[Int(reads[index])] { return Int(reads[index]) }
    }
    return nil
  }
}
