import Raft
import RaftLog
import Runtime
import Synchronization
import Testing

/// Encrypted storages, with a cipher of the tests that depends on key, number and what it authenticates.
struct DiskEncryptionTests {
  private final class Keys: SegmentKeys {
    private let master: UInt64
    private let made = Atomic<UInt64>(0)
    /// What was encrypted with each key and number.
    private let used = Mutex<[[UInt64]: [UInt8]]>([:])
    /// How often a key and number met other bytes than before.
    let reused = Atomic(0)

    init(_ master: UInt64) {
      self.master = master
    }

    func makeCipher(
      sequence: UInt64, salt: UInt64
    ) throws(LogStoreError) -> (
      masterKeyID: UInt64, wrappedKey: [UInt8], cipher: any SegmentCipher
    ) {
      let key = made.add(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15 ^ salt
      let wrapped = withUnsafeBytes(of: key ^ master) { Array($0) }
      return (master, wrapped + [UInt8](repeating: 0, count: 52), Cipher(key: key, keys: self))
    }

    func cipher(
      masterKeyID: UInt64, wrappedKey: [UInt8], sequence: UInt64, salt: UInt64, path: String
    ) throws(LogStoreError) -> any SegmentCipher {
      guard masterKeyID == master else {
        throw .wrongKey(path: path, reason: "no key \(masterKeyID)")
      }
      let key = wrappedKey.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return Cipher(key: key ^ master, keys: self)
    }

    func note(_ key: UInt64, _ number: UInt64, _ plain: [UInt8]) {
      let old = used.withLock { $0.updateValue(plain, forKey: [key, number]) }
      if let old, old != plain { reused.add(1, ordering: .relaxed) }
    }
  }

  private struct Cipher: SegmentCipher {
    let key: UInt64
    let keys: Keys

    private func stream(_ bytes: [UInt8], _ number: UInt64) -> [UInt8] {
      var random = SplitMix64(seed: key ^ number &* 77)
      return bytes.map { $0 ^ UInt8(truncatingIfNeeded: random.next()) }
    }

    private func tag(_ sealed: [UInt8], _ number: UInt64, _ context: [UInt8]) -> [UInt8] {
      let seed = withUnsafeBytes(of: key ^ number) { CRC32C.of($0) }
      let sums = [CRC32C.of(sealed, continuing: seed), CRC32C.of(context, continuing: seed)]
      return sums.flatMap { sum in withUnsafeBytes(of: sum) { Array($0) } }
        + [UInt8](repeating: 1, count: 8)
    }

    func seal(
      _ plain: [UInt8], lsn: UInt64, authenticating: [UInt8]
    ) throws(LogStoreError) -> (sealed: [UInt8], tag: [UInt8]) {
      keys.note(key, lsn, plain)
      let sealed = stream(plain, lsn)
      return (sealed, tag(sealed, lsn, authenticating))
    }

    func open(
      _ sealed: [UInt8], tag: [UInt8], lsn: UInt64, authenticating: [UInt8]
    ) -> [UInt8]? {
      tag == self.tag(sealed, lsn, authenticating) ? stream(sealed, lsn) : nil
    }
  }

  private static let marker = Array("MARKER-OF-A-SECRET".utf8)

  private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard bytes.count >= part.count else { return false }
    return (0...bytes.count - part.count).contains { at in
      bytes[at] == part[0] && bytes[at..<at + part.count].elementsEqual(part)
    }
  }

  private static func entries(_ indexes: ClosedRange<UInt64>) -> [Entry] {
    indexes.map { Entry(term: 1, index: $0, data: marker + [UInt8($0 % 251)]) }
  }

  @Test func e01e05e08_everythingIsReadBackAndNothingIsInClear() throws {
    let files = FaultyFiles()
    let keys = Keys(1)
    var options = DiskStorageOptions()
    options.slotsPerFile = 16
    var storage = try DiskStorage(encrypted: "/raft", files: files, keys: keys, options: options)
    try storage.save(HardState(term: 1, vote: 2, commit: 3), Self.entries(1...40))
    // Back into an older file.
    try storage.save(HardState(), Self.entries(10...25))
    try storage.createSnapshot(at: 5, ConfState(voters: [1]), data: Self.marker)
    for _ in 1...2 {
      let isSame =
        try storage.entries(from: 6, to: 26, maxBytes: .max) == Self.entries(6...25)
      #expect(isSame)
      #expect(storage.snapshot.data == Self.marker)
      try storage.close()
      storage = try DiskStorage(encrypted: "/raft", files: files, keys: keys, options: options)
    }
    try storage.save(HardState(), Self.entries(26...27))
    for path in files.paths {
      #expect(!Self.contains(try #require(files.bytes(of: path)), Self.marker), "\(path)")
    }
    #expect(keys.reused.load(ordering: .relaxed) == 0)
  }

  @Test func e02e03_aWrongOrMissingKeyIsNamed() throws {
    let files = FaultyFiles()
    let storage = try DiskStorage(encrypted: "/raft", files: files, keys: Keys(1))
    try storage.save(HardState(), Self.entries(1...3))
    try storage.close()
    for keys in [Keys(2), nil] {
      var options = DiskStorageOptions()
      options.keys = keys
      let error = #expect(throws: LogStoreError.self) {
        _ = try DiskStorage(directory: "/raft", files: files, options: options)
      }
      guard case .wrongKey("/raft/wal.meta", _) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(try DiskStorage(encrypted: "/raft", files: files, keys: Keys(1)).lastIndex == 3)
  }

  /// Whatever a crash has cut off, no key meets a number again with other bytes.
  @Test func e07_noKeystreamIsUsedTwice() throws {
    var random = SplitMix64(seed: 4)
    let keys = Keys(1)
    var files = FaultyFiles()
    for round in 1...12 {
      files.plan(round % 2 == 0 ? .crashWithin : .fails, at: files.calls + 16 + round)
      do throws(LogStoreError) {
        let store = try DiskLogStore.open("/log", files, keys: keys)
        for step: UInt64 in 1...15 {
          var batch = LogBatch()
          let next = store.lastIndex(1) + 1
          batch.append(
            1, [Entry(term: UInt64(round), index: next, data: [UInt8(step), UInt8(round)])])
          batch.put(1, key: [1], value: [UInt8(step), UInt8(round)])
          do throws(LogStoreError) {
            _ = try store.write(batch, step % 3 == 0 ? .synced : .buffered)
          } catch {
            if case .poisoned = error { throw error }
          }
        }
      } catch {
        #expect(files.calls > 0)
      }
      files = files.survivors(.some, keepsNames: true, &random)
    }
    #expect(try DiskLogStore.open("/log", files, keys: keys).lastIndex(1) > 5)
    #expect(keys.reused.load(ordering: .relaxed) == 0)
  }
}
