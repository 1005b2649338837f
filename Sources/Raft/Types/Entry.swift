import Protobuf

/// The meaning of an entry's data. Numbers are etcd's.
package enum EntryType: UInt8, Sendable, Hashable {
  /// Opaque to raft; empty for the first entry of a leader.
  case normal = 0
  /// A `ConfChange`.
  case confChange = 1
  /// A `ConfChangeV2`.
  case confChangeV2 = 2
}

/// One entry of the replicated log. Term and index identify it: no two different entries of a group share
/// both.
package struct Entry: Sendable, Hashable {
  package var term: UInt64
  package var index: UInt64
  package var data: [UInt8]
  package var type: EntryType

  package init(
    type: EntryType = .normal, term: UInt64 = 0, index: UInt64 = 0, data: [UInt8] = []
  ) {
    self.term = term
    self.index = index
    self.data = data
    self.type = type
  }
}

extension Entry {
  /// Bytes of data: the size that the uncommitted and in-flight limits count.
  @inline(__always)
  package var payloadSize: UInt64 { UInt64(data.count) }

  /// Bytes of the protobuf encoding: the size that message and apply limits count. Fields of value 0 take
  /// none.
  @inline(__always)
  package var encodedSize: UInt64 { UInt64(protoSize) }

  /// Whether the entry is a membership change in either format.
  package var isConfChange: Bool { type != .normal }
}

/// The identity of an entry in its group.
struct EntryID: Sendable, Equatable {
  var term: UInt64
  var index: UInt64
}

/// Sizes and limits of consecutive entries.
package enum EntryLimits {
  /// No limit.
  package static let unlimited = UInt64.max

  /// Total encoded size of `entries`.
  package static func encodedSize(of entries: some Collection<Entry>) -> UInt64 {
    var total: UInt64 = 0
    for index in entries.indices { total += entries[index].encodedSize }
    return total
  }

  /// Total payload of `entries`.
  package static func payloadSize(of entries: some Collection<Entry>) -> UInt64 {
    var total: UInt64 = 0
    for index in entries.indices { total += entries[index].payloadSize }
    return total
  }

  /// The length of the longest prefix of at most `maxSize` encoded bytes; at least 1 if there is an entry.
  package static func prefixCount(
    of entries: some Collection<Entry>, maxSize: UInt64
  ) -> Int {
    if maxSize == unlimited { return entries.count }
    var total: UInt64 = 0
    var count = 0
    for index in entries.indices {
      total += entries[index].encodedSize
      if count > 0 && total > maxSize { break }
      count += 1
    }
    return count
  }
}
