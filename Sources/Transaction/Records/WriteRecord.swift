package import Codec
package import Protobuf

/// What a transaction did with a key: the value under key and commit timestamp in the family `write`, in TiKV's format.
///
/// The bytes: kind, start timestamp (varint), then optional fields in a fixed order, each after a tag. A reader stops at
/// the first tag that it does not know. Tags that locks have too differ in their meaning.
package struct WriteRecord: Sendable, Hashable {
  /// Raw values are the first byte of the record.
  package enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    case put = 0x50
    case delete = 0x44
    /// The transaction had locked the key; without effect on reads.
    case lock = 0x4C
    /// The transaction of this start timestamp, which is also the record's own, must never commit.
    case rollback = 0x52

    /// Whether it decides what a read returns.
    package var isData: Bool { self == .put || self == .delete }
  }

  package var kind: Kind
  package var startTS: Timestamp
  /// Nil for a put: the value is in the family `default` under the start timestamp. Of a rollback: whether it is
  /// protected.
  package var shortValue: [UInt8]?
  /// Whether the transaction whose start timestamp is this record's commit timestamp was rolled back here. The record
  /// under the key is that of another transaction, so the rollback has none of its own.
  package var hasOverlappedRollback: Bool
  /// Set when the overlapped rollback was added to an existing record: the commit timestamp of the next newer put or
  /// delete at that moment, zero if there was none. A replica that had already collected both records would otherwise
  /// show this one again.
  package var gcFence: Timestamp?
  /// Of records of kind `lock`.
  package var lastChange: LastChange
  package var txnSource: UInt64

  package init(
    _ kind: Kind, startTS: Timestamp, shortValue: [UInt8]? = nil,
    hasOverlappedRollback: Bool = false, gcFence: Timestamp? = nil,
    lastChange: LastChange = .unknown, txnSource: UInt64 = 0
  ) {
    self.kind = kind
    self.startTS = startTS
    self.shortValue = shortValue
    self.hasOverlappedRollback = hasOverlappedRollback
    self.gcFence = gcFence
    self.lastChange = lastChange
    self.txnSource = txnSource
  }

  /// A rollback. A protected one is never removed to save space.
  package static func rollback(_ startTS: Timestamp, isProtected: Bool) -> WriteRecord {
    WriteRecord(.rollback, startTS: startTS, shortValue: isProtected ? protection : nil)
  }

  private static let protection = [UInt8(ascii: "p")]

  package var isProtectedRollback: Bool { kind == .rollback && shortValue == Self.protection }

  /// Whether a transaction with the record's commit timestamp as its start timestamp was rolled back.
  var marksRollback: Bool { kind == .rollback || hasOverlappedRollback }

  /// Whether a read at `timestamp` may use the record, as far as its fence is concerned.
  func isBelowFence(at timestamp: Timestamp) -> Bool {
    guard let gcFence, gcFence != .zero else { return true }
    return gcFence > timestamp
  }

  /// Whether a newer put or delete existed when the overlapped rollback was added.
  var isFenced: Bool { gcFence.map { $0 != .zero } ?? false }
}

extension WriteRecord {
  private enum Tag {
    static let overlappedRollback = UInt8(ascii: "R")
    static let gcFence = UInt8(ascii: "F")
    static let txnSource = UInt8(ascii: "S")
  }

  package init(decoding bytes: [UInt8]) throws(CodecError) {
    try self.init(decoding: bytes.span.bytes)
  }

  package init(decoding span: RawSpan) throws(CodecError) {
    self = try span.withUnsafeBytes { (bytes) throws(CodecError) in
      var reader = RecordReader(bytes, "write record")
      return try WriteRecord(&reader)
    }
  }

  private init(_ reader: inout RecordReader) throws(CodecError) {
    let first = try reader.byte()
    guard let kind = Kind(rawValue: first) else {
      throw reader.failure(.unknownNumber(UInt64(first)))
    }
    self.init(kind, startTS: Timestamp(try reader.varint()))
    while !reader.isAtEnd {
      switch try reader.byte() {
      case ShortValue.tag: shortValue = try reader.shortBytes()
      case Tag.overlappedRollback: hasOverlappedRollback = true
      case Tag.gcFence: gcFence = Timestamp(try reader.uint64())
      case LastChange.tag: lastChange = try LastChange(&reader)
      case Tag.txnSource: txnSource = try reader.varint()
      default: return
      }
    }
  }

  /// The record.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32 + (shortValue?.count ?? 0))
    bytes.append(kind.rawValue)
    bytes.appendVarint(startTS.value)
    if let shortValue { bytes.appendShortValue(shortValue) }
    if hasOverlappedRollback { bytes.append(Tag.overlappedRollback) }
    if let gcFence {
      bytes.append(Tag.gcFence)
      bytes.appendBigEndian(gcFence.value)
    }
    lastChange.append(to: &bytes)
    if txnSource != 0 {
      bytes.append(Tag.txnSource)
      bytes.appendVarint(txnSource)
    }
    return bytes
  }
}
