import Raft
import Runtime

/// A version of the files of a `DiskStorage`.
package enum DiskFormat: UInt8, Sendable, Hashable {
  /// dgraph's bytes: no checksums, no atomic change of several fields.
  case original = 1
  /// With checksums; a change is there completely or not at all.
  case strict = 2
}

/// Why bytes of a file cannot be what was written.
struct DiskDefect: Error {
  var offset: UInt64
  var reason: String

  init(_ offset: UInt64, _ reason: String) {
    self.offset = offset
    self.reason = reason
  }

  /// The error for a file.
  func error(_ path: String) -> LogStoreError {
    .corrupted(
      location: "\(path), offset \(offset)",
      reason: "\(reason); restore the directory, or remove it and replicate the log again")
  }
}

/// Where an entry is stored.
struct DiskLocation: Sendable, Equatable {
  /// The number of the file.
  var file: UInt32
  var slot: UInt32
  /// Of the payload: its length comes first.
  var offset: UInt32
  /// CRC-32C of the payload in the strict format; 0 in the original.
  var checksum: UInt32
  var type: EntryType
}

/// Layout of dgraph's `NNNNN.wal`, big-endian:
///
/// | offset | size | content |
/// |---|---|---|
/// | 32 k, k < 30,000 | 32 | slot: term 8, index 8, offset of the payload 8, type 8; index 0: free |
/// | 1,048,560 | 8 | id of the data key; 0: plain |
/// | 1,048,568 | 8 | base of the initialization vectors |
/// | 1,048,576 | 4 + n each | payloads: length, bytes; without gaps |
///
/// and of its `wal.meta`:
///
/// | offset | size | content |
/// |---|---|---|
/// | 0 | 8 | raft id |
/// | 8 | 8 | group id |
/// | 16 | 8 | checkpoint index |
/// | 512 | 4 + n | length, `raftpb.HardState` |
/// | 1024 | 8 | snapshot index |
/// | 1032 | 8 | snapshot term |
/// | 1040 | 4 + n | length, `raftpb.Snapshot` |
enum OriginalFormat {
  static let slotSize = 32
  static let slots = 30_000
  static let keyIDOffset = (1 << 20) - 16
  static let dataStart: UInt64 = 1 << 20
  static let maxFileBytes: UInt64 = 1 << 30
  /// Bytes of a new `wal.meta`.
  static let metaBytes = 1 << 20
  static let hardStateOffset = 512
  static let snapshotIndexOffset = 1024
  static let snapshotOffset = 1040

  /// A slot with an entry.
  struct Slot: Equatable {
    var term: UInt64
    var index: UInt64
    var offset: UInt64
    var type: UInt64
  }

  static func encode(_ slot: Slot) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(slot.term)
    bytes.appendBigEndian(slot.index)
    bytes.appendBigEndian(slot.offset)
    bytes.appendBigEndian(slot.type)
    return bytes
  }

  /// - Parameter bytes: 32 bytes.
  static func decode(_ bytes: ArraySlice<UInt8>) -> Slot {
    let start = bytes.startIndex
    func number(_ at: Int) -> UInt64 { UInt64(bigEndian: bytes[start + at..<start + at + 8]) }
    return Slot(term: number(0), index: number(8), offset: number(16), type: number(24))
  }

  static func name(_ file: UInt32) -> String {
    let digits = String(file)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".wal"
  }

  /// The number in a canonical name; nil for other names.
  static func file(_ name: String) -> UInt32? {
    guard name.hasSuffix(".wal"), let file = UInt32(name.dropLast(4)), file > 0,
      Self.name(file) == name
    else { return nil }
    return file
  }
}

/// Layout of the strict format. A log file, little-endian:
///
/// | offset | size | content |
/// |---|---|---|
/// | 0 | 8 | `DSKLOG02` |
/// | 8 | 4 | number of the file |
/// | 12 | 4 | number of slots |
/// | 16 | 8 | salt of its checksums |
/// | 24 | 4, 4, 4 | the file before: its number, how many of its slots count, their CRC-32C; 0: there is none |
/// | 36 | 8 | id of the master key; 0: plain |
/// | 44 | 60 | the file's key, encrypted by the master key |
/// | 4,092 | 4 | CRC-32C of the bytes before |
/// | 4,096 + 32 k | 32 | slot: term 8, index 8, offset of the payload 4, type 1, 0 (3), CRC of the payload 4, CRC 4 |
/// | after the slots | | payloads: length 4, nonce 8, authentication tag 16 if encrypted, bytes; without gaps |
///
/// Nothing in it is written over while a state that may be found after a crash refers to it. Entries are in the order in
/// which they were written: one with a lower index replaces all from there on.
struct DiskFileHeader: Sendable, Equatable {
  static let magic = Array("DSKLOG02".utf8)
  static let size = 4096
  static let slotSize = 32

  var file: UInt32
  var slots: UInt32
  var salt: UInt64
  var previous: UInt32 = 0
  var previousSlots: UInt32 = 0
  var previousChecksum: UInt32 = 0
  var masterKeyID: UInt64 = 0
  /// 60 bytes; empty without a cipher.
  var wrappedKey: [UInt8] = []

  var dataStart: UInt64 { UInt64(Self.size) + UInt64(slots) * UInt64(Self.slotSize) }

  func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes.reserveCapacity(Self.size)
    bytes.appendLittleEndian(file)
    bytes.appendLittleEndian(slots)
    bytes.appendLittleEndian(salt)
    bytes.appendLittleEndian(previous)
    bytes.appendLittleEndian(previousSlots)
    bytes.appendLittleEndian(previousChecksum)
    bytes.appendLittleEndian(masterKeyID)
    bytes += wrappedKey
    bytes += [UInt8](repeating: 0, count: Self.size - 4 - bytes.count)
    bytes.appendLittleEndian(CRC32C.of(bytes))
    return bytes
  }

  static func decode(_ bytes: [UInt8]) throws(DiskDefect) -> DiskFileHeader {
    guard bytes.count == size else {
      throw DiskDefect(UInt64(bytes.count), "the file header is cut off")
    }
    guard bytes.starts(with: magic) else {
      throw DiskDefect(0, "the file does not begin with the magic of a log file")
    }
    do throws(SegmentDefect) {
      var check = ByteReader(bytes, size - 4..<size)
      guard try check.number(UInt32.self) == CRC32C.of(Array(bytes.dropLast(4))) else {
        throw SegmentDefect("the file header does not match its checksum")
      }
      var reader = ByteReader(bytes, 8..<size)
      var header = DiskFileHeader(
        file: try reader.number(UInt32.self), slots: try reader.number(UInt32.self),
        salt: try reader.number(UInt64.self))
      header.previous = try reader.number(UInt32.self)
      header.previousSlots = try reader.number(UInt32.self)
      header.previousChecksum = try reader.number(UInt32.self)
      header.masterKeyID = try reader.number(UInt64.self)
      let wrapped = try reader.take(60)
      if header.masterKeyID != 0 { header.wrappedKey = wrapped }
      guard header.slots > 0, header.slots <= 1 << 20 else {
        throw SegmentDefect("the file header has \(header.slots) slots")
      }
      return header
    } catch {
      throw DiskDefect(0, error.reason)
    }
  }

  // MARK: Slots

  func encode(_ slot: UInt32, term: UInt64, index: UInt64, _ location: DiskLocation) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.slotSize)
    bytes.appendLittleEndian(term)
    bytes.appendLittleEndian(index)
    bytes.appendLittleEndian(location.offset)
    bytes.appendLittleEndian(UInt32(location.type.rawValue))
    bytes.appendLittleEndian(location.checksum)
    bytes.appendLittleEndian(CRC32C.of(bytes, continuing: seed(slot)))
    return bytes
  }

  /// - Parameter bytes: the slot.
  func decode(
    _ slot: UInt32, _ bytes: [UInt8]
  ) throws(DiskDefect) -> (term: UInt64, index: UInt64, location: DiskLocation) {
    let at = UInt64(Self.size) + UInt64(slot) * UInt64(Self.slotSize)
    do throws(SegmentDefect) {
      var reader = ByteReader(bytes)
      let (term, index) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
      let offset = try reader.number(UInt32.self)
      let kind = try reader.number(UInt32.self)
      let checksum = try reader.number(UInt32.self)
      guard try reader.number(UInt32.self) == CRC32C.of(Array(bytes[..<28]), continuing: seed(slot))
      else { throw SegmentDefect("slot \(slot) does not match its checksum") }
      guard let type = UInt8(exactly: kind).flatMap(EntryType.init(rawValue:)) else {
        throw SegmentDefect("slot \(slot) has the type \(kind)")
      }
      guard index > 0, index < .max else { throw SegmentDefect("slot \(slot) has index \(index)") }
      let location = DiskLocation(
        file: file, slot: slot, offset: offset, checksum: checksum, type: type)
      return (term, index, location)
    } catch {
      throw DiskDefect(at, error.reason)
    }
  }

  /// What the checksum of a slot continues: it differs between files and slots.
  private func seed(_ slot: UInt32) -> UInt32 {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(salt)
    bytes.appendLittleEndian(slot)
    return CRC32C.of(bytes)
  }
}
