/// Limits over runs of entries.
package enum EntryLimits {
  /// No limit.
  package static let unlimited = UInt64.max

  /// Total encoded size of `entries`.
  package static func encodedSize(of entries: some Collection<Entry>) -> UInt64 {
    var total: UInt64 = 0
    for place in entries.indices { total += entries[place].encodedSize }
    return total
  }

  /// Total payload of `entries`.
  package static func payloadSize(of entries: some Collection<Entry>) -> UInt64 {
    var total: UInt64 = 0
    for place in entries.indices { total += entries[place].payloadSize }
    return total
  }

  /// Length of the longest prefix whose encoding fits `maxSize`; at least one entry if there is any.
  package static func prefixCount(
    of entries: some Collection<Entry>, maxSize: UInt64
  ) -> Int {
    if maxSize == unlimited { return entries.count }
    var total: UInt64 = 0
    var count = 0
    for place in entries.indices {
      total += entries[place].encodedSize
      if count > 0 && total > maxSize { break }
      count += 1
    }
    return count
  }
}
