import Codec

/// How far apart stores are by their location labels.
enum LocationScore {
  private static let base = 100.0

  /// The sum over `others` of 100 to the power of the levels below the first at which the labels differ. A label that a
  /// store lacks equals another missing one.
  ///
  /// - Parameter labels: names, from the widest location (zone) to the narrowest (host).
  static func distinct(_ labels: [String], _ store: StoreInfo, _ others: [StoreInfo]) -> Double {
    var sum = 0.0
    for other in others where other.id != store.id {
      let level = labels.firstIndex { store.label($0) != other.label($0) }
      guard let level else { continue }
      var score = 1.0
      for _ in labels[(level + 1)...] { score *= base }
      sum += score
    }
    return sum
  }

  /// Whether the store shares the location of `level` with one of `others`, so that one failure hits both.
  static func sharesLocation(
    _ labels: [String], level: String, _ store: StoreInfo, _ others: [StoreInfo]
  ) -> Bool {
    guard let end = labels.firstIndex(of: level) else { return false }
    return others.contains { other in
      other.id != store.id && labels[...end].allSatisfy { store.label($0) == other.label($0) }
    }
  }
}

extension StoreInfo {
  /// The value of a label; empty if the store has none of that name.
  func label(_ key: String) -> String { labels.first { $0.key == key }?.value ?? "" }
}
