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

  /// Size of the protobuf encoding: what message and apply limits count. Zero fields take no room.
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
