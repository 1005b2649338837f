/// The writes that some reads depend on.
struct WriteDependencies {
  private let calls: [RegisterCall]
  /// Of each value, the starts of its reads, ascending, and the latest end among the reads up to each.
  private var readStarts: [Int32: [UInt64]] = [:]
  private var readEnds: [Int32: [UInt64]] = [:]
  /// The starts of the completed writes, ascending, and the earliest end from each on.
  private var writeStarts: [UInt64] = []
  private var writeEnds: [UInt64] = []
  /// The last write of its value before a read, for each read.
  private var latest: Set<Int> = []

  /// - Parameters:
  ///   - calls: sorted by start.
  ///   - range: reads with these indices are left out.
  init(_ calls: [RegisterCall], without range: Range<Int>, initial: Int32) {
    self.calls = calls
    var writers: [Int32: [Int]] = [:]
    for (index, call) in calls.enumerated() where call.isWrite {
      writers[call.value, default: []].append(index)
      if let end = call.end {
        writeStarts.append(call.start)
        writeEnds.append(end)
      }
    }
    for index in writeEnds.indices.dropLast().reversed() {
      writeEnds[index] = min(writeEnds[index], writeEnds[index + 1])
    }
    for (index, call) in calls.enumerated() where !call.isWrite && !range.contains(index) {
      let end = call.end ?? .max
      let before = readEnds[call.value]?.last ?? 0
      readStarts[call.value, default: []].append(call.start)
      readEnds[call.value, default: []].append(max(before, end))
      guard let writers = writers[call.value] else { continue }
      let after = Self.firstIndex(writers.count) { calls[writers[$0]].start > end }
      if after > 0 {
        latest.insert(writers[after - 1])
      } else if call.value != initial {
        latest.insert(writers[0])
      }
    }
  }

  /// Whether a read can have seen this write, or it is the last write of its value before a read.
  func needsWrite(_ index: Int) -> Bool {
    if latest.contains(index) { return true }
    let write = calls[index]
    guard let starts = readStarts[write.value], let ends = readEnds[write.value] else {
      return false
    }
    // A read that starts after the horizon cannot have seen it: another write is between.
    var horizon = UInt64.max
    if let end = write.end {
      let next = Self.firstIndex(writeStarts.count) { writeStarts[$0] > end }
      if next < writeStarts.count { horizon = writeEnds[next] }
    }
    let reads = Self.firstIndex(starts.count) { starts[$0] > horizon }
    return reads > 0 && ends[reads - 1] >= write.start
  }

  /// The first index in `0..<count` for which the condition holds; it must hold for all later ones.
  private static func firstIndex(_ count: Int, where holds: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if holds(middle) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }
}
