/// A small set of node ids, ascending: iteration order is part of the core's behaviour.
package struct IDSet: Sendable, Equatable {
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

  /// Adds `id` in its place; without effect when it is there.
  package mutating func insert(_ id: UInt64) {
    let place = ids.firstIndex { $0 >= id } ?? ids.count
    if place == ids.count || ids[place] != id { ids.insert(id, at: place) }
  }

  package mutating func remove(_ id: UInt64) {
    if let place = ids.firstIndex(of: id) { ids.remove(at: place) }
  }

  /// All ids of both sets.
  package func union(_ other: IDSet) -> IDSet {
    var result = self
    for id in other.ids { result.insert(id) }
    return result
  }

  /// How many ids are in exactly one of the two sets.
  package func symmetricDifferenceCount(_ other: IDSet) -> Int {
    let common = ids.count { other.contains($0) }
    return ids.count + other.ids.count - 2 * common
  }
}
