package import Codec

/// Initialized regions in order of their keys.
///
/// A B-tree of two levels: a sorted list of sorted chunks. Finding a key costs two binary searches; a change
/// moves at most one chunk. It is a value: a copy shares all chunks with the original until one of them
/// changes.
package struct RegionTable: Sendable {
  /// Sorted by start key, and within a chunk too. No chunk is empty or longer than `chunkLimit`, and the
  /// ranges of no two regions overlap.
  private var chunks: [[Region]] = []
  /// How many regions there are.
  package private(set) var count = 0

  static let chunkLimit = 128

  private struct Position {
    var chunk: Int
    var offset: Int
  }

  package init() {}

  // MARK: Finding

  /// The region that holds `key`.
  package func region(containing key: [UInt8]) -> Region? {
    guard let position = lastPosition(startingAtOrBelow: key) else { return nil }
    let region = self[position]
    return region.contains(key) ? region : nil
  }

  /// The regions that hold a part of `range`, in order.
  package func overlapping(_ range: KeyRange) -> [Region] {
    if range.isEmpty { return [] }
    var found: [Region] = []
    var next = lastPosition(startingAtOrBelow: range.start) ?? Position(chunk: 0, offset: 0)
    while next.chunk < chunks.count {
      let region = self[next]
      if !range.end.isEmpty, !precedes(region.startKey, range.end) { break }
      if region.range.overlaps(range) { found.append(region) }
      next = position(after: next)
    }
    return found
  }

  /// The regions that follow the one that starts at `key`, nearest first; at most `limit`.
  package func following(_ key: [UInt8], limit: Int) -> [Region] {
    guard let start = position(of: key) else { return [] }
    var found: [Region] = []
    var next = position(after: start)
    while found.count < limit, next.chunk < chunks.count {
      found.append(self[next])
      next = position(after: next)
    }
    return found
  }

  /// The regions in front of the one that starts at `key`, nearest first; at most `limit`.
  package func preceding(_ key: [UInt8], limit: Int) -> [Region] {
    guard var position = position(of: key) else { return [] }
    var found: [Region] = []
    while found.count < limit {
      if position.offset > 0 {
        position.offset -= 1
      } else if position.chunk > 0 {
        position.chunk -= 1
        position.offset = chunks[position.chunk].count - 1
      } else {
        break
      }
      found.append(self[position])
    }
    return found
  }

  /// The first regions that end above `key`, in order; at most `limit`.
  package func endingAbove(_ key: [UInt8], limit: Int) -> [Region] {
    var found: [Region] = []
    var next = lastPosition(startingAtOrBelow: key) ?? Position(chunk: 0, offset: 0)
    while found.count < limit, next.chunk < chunks.count {
      let region = self[next]
      if region.endKey.isEmpty || precedes(key, region.endKey) { found.append(region) }
      next = position(after: next)
    }
    return found
  }

  /// All regions in order.
  package var all: [Region] { Array(chunks.joined()) }

  // MARK: Changing

  /// Removes `old`, then inserts `new`. What is inserted may cover what is removed: no state in between is
  /// checked.
  ///
  /// Every region of `old` must be in the table with this start key, and no two regions may overlap
  /// afterwards.
  package mutating func replace(_ old: [Region], by new: [Region]) {
    for region in old { remove(region) }
    for region in new { insert(region) }
  }

  private mutating func remove(_ region: Region) {
    guard let position = position(of: region.startKey), self[position].id == region.id else {
      preconditionFailure("\(region) is not in the table")
    }
    count -= 1
    chunks[position.chunk].remove(at: position.offset)
    if chunks[position.chunk].isEmpty {
      chunks.remove(at: position.chunk)
    } else {
      mergeSmallChunks(at: position.chunk)
    }
  }

  private mutating func insert(_ region: Region) {
    let clash = overlapping(region.range).first
    precondition(clash == nil, "\(region) overlaps \(clash.map(String.init(describing:)) ?? "")")
    count += 1
    guard let before = lastPosition(startingAtOrBelow: region.startKey) else {
      if chunks.isEmpty { chunks.append([]) }
      chunks[0].insert(region, at: 0)
      return divideLargeChunk(at: 0)
    }
    chunks[before.chunk].insert(region, at: before.offset + 1)
    divideLargeChunk(at: before.chunk)
  }

  private mutating func divideLargeChunk(at index: Int) {
    let chunk = chunks[index]
    guard chunk.count > Self.chunkLimit else { return }
    let half = chunk.count / 2
    chunks[index] = Array(chunk[..<half])
    chunks.insert(Array(chunk[half...]), at: index + 1)
  }

  /// Two neighbors that fill less than half a chunk become one.
  private mutating func mergeSmallChunks(at index: Int) {
    for left in [index, index - 1] where left >= 0 && left + 1 < chunks.count {
      guard chunks[left].count + chunks[left + 1].count <= Self.chunkLimit / 2 else { continue }
      chunks[left] += chunks[left + 1]
      chunks.remove(at: left + 1)
      return
    }
  }

  // MARK: Positions

  private subscript(_ position: Position) -> Region { chunks[position.chunk][position.offset] }

  private func position(after position: Position) -> Position {
    position.offset + 1 < chunks[position.chunk].count
      ? Position(chunk: position.chunk, offset: position.offset + 1)
      : Position(chunk: position.chunk + 1, offset: 0)
  }

  private func position(of startKey: [UInt8]) -> Position? {
    guard let position = lastPosition(startingAtOrBelow: startKey),
      self[position].startKey == startKey
    else { return nil }
    return position
  }

  /// The last region that starts at `key` or below.
  private func lastPosition(startingAtOrBelow key: [UInt8]) -> Position? {
    let chunk = chunks.firstIndex(sortedBy: { precedes(key, $0[0].startKey) }) - 1
    guard chunk >= 0 else { return nil }
    let offset = chunks[chunk].firstIndex(sortedBy: { precedes(key, $0.startKey) }) - 1
    return Position(chunk: chunk, offset: offset)
  }
}

extension Array {
  /// The index of the first element for which `isBehind` holds, in an array in which it holds for none or for
  /// all elements from some index on.
  fileprivate func firstIndex(sortedBy isBehind: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
