/// A small set of node ids. It iterates in ascending order, so that messages and log lines have one order.
package struct IDSet: Sendable, Equatable {
  /// Ascending, without duplicates.
  package private(set) var ids: [UInt64] = []

  package init() {}

  package init(_ ids: some Sequence<UInt64>) {
    for id in ids { insert(id) }
  }

  package var isEmpty: Bool { ids.isEmpty }
  package var count: Int { ids.count }

  /// Whether `id` is in the set. Linear: sets have few members.
  @inline(__always)
  package func contains(_ id: UInt64) -> Bool {
    for candidate in ids where candidate >= id { return candidate == id }
    return false
  }

  /// Adds `id`; without effect if the set contains it.
  package mutating func insert(_ id: UInt64) {
    let position = ids.firstIndex { $0 >= id } ?? ids.count
    if position == ids.count || ids[position] != id { ids.insert(id, at: position) }
  }

  /// Removes `id`; without effect if the set does not contain it.
  package mutating func remove(_ id: UInt64) {
    if let position = ids.firstIndex(of: id) { ids.remove(at: position) }
  }

  /// All ids of both sets.
  package func union(_ other: IDSet) -> IDSet {
    var result = self
    for id in other.ids { result.insert(id) }
    return result
  }

  /// The number of ids in exactly one of the two sets.
  package func symmetricDifferenceCount(_ other: IDSet) -> Int {
    let common = ids.count { other.contains($0) }
    return ids.count + other.ids.count - 2 * common
  }
}
