import Protobuf

/// What `EtcdLogStore` adds to a state record, so that a WAL has all that a `LogBatch` can change: changes that etcd does
/// not have, and the end of a save.
///
/// The records of a save take effect together, when its last one is there.
struct EtcdExtension: ProtoRecord, Equatable {
  /// In the last record of a save its number, from 1; else 0.
  var save: UInt64 = 0
  /// The saves up to this number were durable when the record was written.
  var durable: UInt64 = 0
  /// Changes, in order. They take effect before the hard state of the record.
  var items: [Item] = []

  /// A change.
  struct Item: ProtoRecord, Equatable {
    enum Kind: UInt8 {
      case put = 1
      case delete = 2
      /// Everything of the region is deleted. `value` is the tombstone if `flag`.
      case destroy = 3
      /// The log becomes empty and is truncated up to `index`, whose term is `term`.
      case reset = 4
      /// At the head of a segment: the state at this point is empty, apart from a log from `index` and `term` on up to
      /// `last` if `flag`. Puts follow, or `destroy` with a tombstone.
      case base = 5
    }

    var kind = Kind.put
    var key: [UInt8] = []
    var value: [UInt8] = []
    var index: UInt64 = 0
    var term: UInt64 = 0
    var last: UInt64 = 0
    var flag = false

    var protoSize: Int {
      ProtoSize.number(Int(kind.rawValue)) + ProtoSize.bytes(key) + ProtoSize.bytes(value)
        + ProtoSize.uint64(index) + ProtoSize.uint64(term) + ProtoSize.uint64(last)
        + ProtoSize.bool(flag)
    }

    func write(to writer: inout ProtoWriter) {
      writer.number(1, Int(kind.rawValue))
      writer.bytes(2, key)
      writer.bytes(3, value)
      writer.uint64(4, index)
      writer.uint64(5, term)
      writer.uint64(6, last)
      writer.bool(7, flag)
    }

    mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
      while try reader.next() {
        switch reader.field {
        case 1: try reader.read(&kind, "change of a log")
        case 2: try reader.read(&key)
        case 3: try reader.read(&value)
        case 4: try reader.read(&index)
        case 5: try reader.read(&term)
        case 6: try reader.read(&last)
        case 7: try reader.read(&flag)
        default: try reader.skip()
        }
      }
    }
  }

  init() {}

  /// Nil if the bytes are none.
  init?(bytes: [UInt8]) {
    do throws(CodecError) {
      try self.init(decoding: bytes, strict: true)
    } catch {
      return nil
    }
  }

  var protoSize: Int {
    ProtoSize.uint64(save) + ProtoSize.uint64(durable) + ProtoSize.records(items)
  }

  func write(to writer: inout ProtoWriter) {
    writer.uint64(1, save)
    writer.uint64(2, durable)
    writer.records(3, items)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&save)
      case 2: try reader.read(&durable)
      case 3: try reader.append(to: &items)
      default: try reader.skip()
      }
    }
  }
}
