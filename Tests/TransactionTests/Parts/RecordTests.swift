import Codec
import Protobuf
import Runtime
import Testing

@testable import Transaction

/// The bytes of locks and write records are TiKV's.
struct RecordTests {
  private static let large = Timestamp(434_000_000_000_000_000)

  private static func bytes(_ hex: String) -> [UInt8] {
    hex.split(separator: " ").compactMap { UInt8($0, radix: 16) }
  }

  private static func lock(
    _ kind: Lock.Kind, _ primary: String, _ startTS: UInt64, ttl: UInt64 = 0,
    _ change: (inout Lock) -> Void = { _ in }
  ) -> Lock {
    var lock = Lock(kind, primary: Array(primary.utf8), startTS: Timestamp(startTS), ttl: ttl)
    change(&lock)
    return lock
  }

  private static func above(_ count: UInt64) -> Timestamp { Timestamp(large.value + count) }

  private static let full = lock(.put, "primary", large.value, ttl: 20010) {
    $0.shortValue = Array("abc".utf8)
    $0.forUpdateTS = above(1)
    $0.txnSize = 16
    $0.minCommitTS = above(2)
    $0.usesAsyncCommit = true
    $0.secondaries = [Array("x".utf8), []]
    $0.rollbackTS = [above(3), above(4)]
    $0.lastChange = .at(commitTS: Timestamp(large.value - 9), versions: 7)
    $0.txnSource = 1
    $0.isLockedWithConflict = true
    $0.generation = 3
  }

  static let locks: [(Lock, String)] = [
    (
      lock(.put, "k1", 5, ttl: 3000) { $0.shortValue = Array("v".utf8) },
      "50 04 6b 31 05 b8 17 76 01 76"
    ),
    (lock(.delete, "k1", 5), "44 04 6b 31 05 00"),
    (lock(.put, "k", 1, ttl: 1) { $0.shortValue = [] }, "50 02 6b 01 01 76 00"),
    (
      lock(.lock, "k1", 5, ttl: 3000) { $0.lastChange = .none },
      "4c 04 6b 31 05 b8 17 6c 00 00 00 00 00 00 00 00 01"
    ),
    (
      lock(.put, "k1", 5, ttl: 3000) {
        $0.txnSize = 3
        $0.minCommitTS = Timestamp(6)
      },
      "50 04 6b 31 05 b8 17 74 00 00 00 00 00 00 00 03 63 00 00 00 00 00 00 00 06"
    ),
    (
      lock(.pessimistic, "k1", 10, ttl: 3000) {
        $0.forUpdateTS = Timestamp(20)
        $0.minCommitTS = Timestamp(21)
        $0.lastChange = .at(commitTS: Timestamp(20), versions: 1)
        $0.isLockedWithConflict = true
      },
      """
      53 04 6b 31 0a b8 17 66 00 00 00 00 00 00 00 14 63 00 00 00 00 00 00 00 15 6c 00 00 00 00 00 \
      00 00 14 01 46
      """
    ),
    (
      lock(.put, "k1", 2, ttl: 3000) {
        $0.shortValue = Array("v1".utf8)
        $0.txnSize = 3
        $0.minCommitTS = Timestamp(43)
        $0.usesAsyncCommit = true
        $0.secondaries = [Array("k2".utf8), Array("k3".utf8)]
      },
      """
      50 04 6b 31 02 b8 17 76 02 76 31 74 00 00 00 00 00 00 00 03 63 00 00 00 00 00 00 00 2b 61 02 \
      04 6b 32 04 6b 33
      """
    ),
    (
      lock(.put, "k1", 2, ttl: 3000) {
        $0.shortValue = Array("v2".utf8)
        $0.minCommitTS = Timestamp(43)
        $0.usesAsyncCommit = true
        $0.rollbackTS = [Timestamp(50)]
      },
      """
      50 04 6b 31 02 b8 17 76 02 76 32 63 00 00 00 00 00 00 00 2b 61 00 72 01 00 00 00 00 00 00 00 \
      32
      """
    ),
    (
      lock(.put, "k1", 5, ttl: 3000) {
        $0.shortValue = Array("v".utf8)
        $0.txnSize = .max
        $0.minCommitTS = Timestamp(6)
        $0.txnSource = 133
        $0.generation = 2
      },
      """
      50 04 6b 31 05 b8 17 76 01 76 74 ff ff ff ff ff ff ff ff 63 00 00 00 00 00 00 00 06 73 85 01 \
      67 00 00 00 00 00 00 00 02
      """
    ),
    (
      full,
      """
      50 0e 70 72 69 6d 61 72 79 80 80 94 c4 b5 96 f8 82 06 aa 9c 01 76 03 61 62 63 66 06 05 e0 b3 \
      58 85 00 01 74 00 00 00 00 00 00 00 10 63 06 05 e0 b3 58 85 00 02 61 02 02 78 00 72 02 06 05 \
      e0 b3 58 85 00 03 06 05 e0 b3 58 85 00 04 6c 06 05 e0 b3 58 84 ff f7 07 73 01 46 67 00 00 00 \
      00 00 00 00 03
      """
    ),
  ]

  static let records: [(WriteRecord, String)] = [
    (record(.put, 5, "v"), "50 05 76 01 76"),
    (record(.put, 5), "50 05"),
    (record(.put, 5, ""), "50 05 76 00"),
    (record(.delete, 5), "44 05"),
    (
      record(.lock, 15) { $0.lastChange = .at(commitTS: Timestamp(10), versions: 1) },
      "4c 0f 6c 00 00 00 00 00 00 00 0a 01"
    ),
    (record(.lock, 15) { $0.lastChange = .none }, "4c 0f 6c 00 00 00 00 00 00 00 00 01"),
    (.rollback(Timestamp(5), isProtected: false), "52 05"),
    (.rollback(Timestamp(5), isProtected: true), "52 05 76 01 70"),
    (record(.put, 10, "v1") { $0.hasOverlappedRollback = true }, "50 0a 76 02 76 31 52"),
    (
      record(.put, 103, "v1") {
        $0.hasOverlappedRollback = true
        $0.gcFence = Timestamp(106)
      },
      "50 67 76 02 76 31 52 46 00 00 00 00 00 00 00 6a"
    ),
    (
      record(.put, 101, "v1") {
        $0.hasOverlappedRollback = true
        $0.gcFence = .zero
      },
      "50 65 76 02 76 31 52 46 00 00 00 00 00 00 00 00"
    ),
    (record(.put, 25, "v2") { $0.txnSource = 133 }, "50 19 76 02 76 32 53 85 01"),
    (
      record(.put, large.value, "abc") {
        $0.hasOverlappedRollback = true
        $0.gcFence = above(5)
        $0.lastChange = .at(commitTS: Timestamp(large.value - 9), versions: 130)
        $0.txnSource = 1
      },
      """
      50 80 80 94 c4 b5 96 f8 82 06 76 03 61 62 63 52 46 06 05 e0 b3 58 85 00 05 6c 06 05 e0 b3 58 \
      84 ff f7 82 01 53 01
      """
    ),
  ]

  private static func record(
    _ kind: WriteRecord.Kind, _ startTS: UInt64, _ value: String? = nil,
    _ change: (inout WriteRecord) -> Void = { _ in }
  ) -> WriteRecord {
    var record = WriteRecord(
      kind, startTS: Timestamp(startTS), shortValue: value.map { Array($0.utf8) })
    change(&record)
    return record
  }

  @Test func locksHaveTheirBytes() throws {
    for (lock, hex) in Self.locks {
      #expect(lock.encoded().hex == Self.bytes(hex).hex)
      #expect(try Lock(decoding: Self.bytes(hex)) == lock)
    }
  }

  /// Stores follow the locks of writes without this target: they read the beginning of the same bytes.
  @Test func storesSeeTheLocksOfWrites() {
    for (lock, _) in Self.locks {
      let isWrite = lock.kind == .put || lock.kind == .delete
      let seen = LockRecord.startTS(ofWrite: lock.encoded().span.bytes)
      #expect(seen == (isWrite ? lock.startTS.value : nil))
    }
  }

  @Test func recordsHaveTheirBytes() throws {
    for (record, hex) in Self.records {
      #expect(record.encoded().hex == Self.bytes(hex).hex)
      #expect(try WriteRecord(decoding: Self.bytes(hex)) == record)
    }
  }

  /// Fields that a later version adds at the end are not seen, and those before them are.
  @Test func unknownTagsEndARecord() throws {
    let lock = Self.full
    #expect(try Lock(decoding: lock.encoded() + [0x7A, 1, 2, 3]) == lock)
    let record = Self.records[9].0
    #expect(try WriteRecord(decoding: record.encoded() + [0x7A]) == record)
    // Very old locks have no time to live.
    #expect(try Lock(decoding: Self.bytes("44 04 6b 31 05")).ttl == 0)
  }

  @Test func wrongBytesAreErrors() {
    for hex in [
      "", "00", "50", "50 04 6b", "50 03 6b 6b 05 00", "50 ff ff ff ff ff ff ff ff ff 01 05",
      "50 02 6b 80 80 80 80 80 80 80 80 80 02", "50 02 6b 01 01 76 05 61", "50 02 6b 01 01 66 00",
      "50 02 6b 01 01 61 ff ff ff ff 0f", "50 02 6b 01 01 72 02 00 00 00 00 00 00 00 00",
    ] {
      #expect(throws: CodecError.self, "\(hex)") { try Lock(decoding: Self.bytes(hex)) }
    }
    for hex in ["", "00", "50", "50 80", "50 05 76 02 61", "50 05 46 00", "4c 05 6c 00"] {
      #expect(throws: CodecError.self, "\(hex)") { try WriteRecord(decoding: Self.bytes(hex)) }
    }
    #expect(throws: CodecError(.unsupported, "lock record", offset: 1)) {
      try Lock(decoding: Self.bytes("48 68 00"))
    }
  }

  /// Damaged bytes give an error or a record that has bytes of its own; nothing traps.
  @Test func damagedBytes() throws {
    var random = SplitMix64(seed: 7)
    var accepted = 0
    var changed: [String] = []
    for round in 0..<6_000 {
      let isLock = round % 2 == 0
      var bytes =
        isLock
        ? Self.bytes(Self.locks[Int.random(in: 0..<Self.locks.count, using: &random)].1)
        : Self.bytes(Self.records[Int.random(in: 0..<Self.records.count, using: &random)].1)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        bytes[index] = UInt8.random(in: 0...255, using: &random)
      }
      bytes.removeLast(Int.random(in: 0...min(3, bytes.count), using: &random))
      do throws(CodecError) {
        if isLock {
          let lock = try Lock(decoding: bytes)
          if try Lock(decoding: lock.encoded()) != lock { changed.append(bytes.hex) }
        } else {
          let record = try WriteRecord(decoding: bytes)
          if try WriteRecord(decoding: record.encoded()) != record { changed.append(bytes.hex) }
        }
        accepted += 1
      } catch { continue }
    }
    #expect(changed.isEmpty)
    #expect(accepted > 300 && accepted < 5_700)
  }

  @Test func keysOfVersions() throws {
    let key = MVCCKey(Array("k1".utf8))
    #expect(
      key.version(Timestamp(10)).hex
        == Self.bytes("6b 31 00 00 00 00 00 00 f9 ff ff ff ff ff ff ff f5").hex)
    #expect(precedes(key.version(Timestamp(11)), key.version(Timestamp(10))))
    #expect(precedes(key.version(.zero), MVCCKey.afterVersions(of: key.encoded)))
    #expect(
      precedes(MVCCKey.afterVersions(of: key.encoded), MVCCKey(key.user + [0]).version(.max)))
  }
}
