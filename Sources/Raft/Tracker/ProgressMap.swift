/// Progress by node id, ascending.
package struct ProgressMap: Sendable, Equatable {
  package private(set) var ids: [UInt64] = []
  /// `values[k]` belongs to `ids[k]`.
  package var values: [Progress] = []

  package init() {}

  package var count: Int { ids.count }

  /// Where `id` stands, or nil if it is not tracked.
  @inline(__always)
  package func slot(of id: UInt64) -> Int? {
    for slot in ids.indices where ids[slot] >= id { return ids[slot] == id ? slot : nil }
    return nil
  }

  package func contains(_ id: UInt64) -> Bool { slot(of: id) != nil }

  package subscript(id: UInt64) -> Progress? {
    get {
      guard let slot = slot(of: id) else { return nil }
      return values[slot]
    }
    set {
      let place = ids.firstIndex { $0 >= id } ?? ids.count
      let exists = place < ids.count && ids[place] == id
      switch (newValue, exists) {
      case (let value?, true): values[place] = value
      case (let value?, false):
        ids.insert(id, at: place)
        values.insert(value, at: place)
      case (nil, true):
        ids.remove(at: place)
        values.remove(at: place)
      case (nil, false): break
      }
    }
  }
}
