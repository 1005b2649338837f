/// What the bytes of an entry mean. Numbers are etcd's.
package enum EntryType: UInt8, Sendable, Hashable {
  case normal = 0
  case confChange = 1
  case confChangeV2 = 2
}

/// One record of the replicated log.
package struct Entry: Sendable, Equatable {
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
  /// Bytes of user data: what the uncommitted and in-flight limits count.
  @inline(__always)
  package var payloadSize: UInt64 { UInt64(data.count) }

  /// Size of the protobuf encoding: what message and apply limits count. Zero fields take no capacity.
  @inline(__always)
  package var encodedSize: UInt64 {
    var size = 0
    if type != .normal { size += 2 }
    if term != 0 { size += 1 + ProtobufSize.varint(term) }
    if index != 0 { size += 1 + ProtobufSize.varint(index) }
    if !data.isEmpty { size += 1 + ProtobufSize.varint(UInt64(data.count)) + data.count }
    return UInt64(size)
  }

  /// Whether the entry carries a membership change of either version.
  package var isConfChange: Bool { type != .normal }
}

/// What identifies an entry: no two different entries of one group share it.
struct EntryID: Sendable, Equatable {
  var term: UInt64
  var index: UInt64
}

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
