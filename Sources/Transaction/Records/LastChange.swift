package import Codec
import Protobuf

/// Where the newest put or delete below a record is, so that a reader can jump over lock and rollback records. It
/// belongs to records and locks of kind `lock` and to pessimistic locks.
package enum LastChange: Sendable, Hashable {
  /// The record says nothing.
  case unknown
  /// No put or delete lies below.
  case none
  /// The put or delete was committed at `commitTS`, and it is the `versions`th record from here: 1 is the next one. The
  /// number is an estimate, since rollbacks come and go in between.
  case at(commitTS: Timestamp, versions: UInt64)

  static let tag = UInt8(ascii: "l")

  /// The last change of a record directly above this one's.
  var next: LastChange {
    switch self {
    case .unknown: .unknown
    case .none: .none
    case .at(let commitTS, let versions):
      .at(commitTS: commitTS, versions: versions &+ 1 == 0 ? versions : versions + 1)
    }
  }

  init(_ reader: inout RecordReader) throws(CodecError) {
    let commitTS = Timestamp(try reader.uint64())
    let versions = try reader.varint()
    if versions == 0 {
      self = .unknown
    } else {
      self = commitTS == .zero ? .none : .at(commitTS: commitTS, versions: versions)
    }
  }

  /// Adds the tag and the body, or nothing if it is unknown.
  func append(to bytes: inout [UInt8]) {
    switch self {
    case .unknown: return
    case .none: Self.append(0, 1, to: &bytes)
    case .at(let commitTS, let versions): Self.append(commitTS.value, versions, to: &bytes)
    }
  }

  private static func append(_ commitTS: UInt64, _ versions: UInt64, to bytes: inout [UInt8]) {
    bytes.append(tag)
    bytes.appendBigEndian(commitTS)
    bytes.appendVarint(versions)
  }
}
