import Raft
import RaftLog
import Runtime
import Synchronization
import Testing

/// Encrypted segments, with a cipher of the tests: it hides nothing from an attacker, but depends on key, LSN and what
/// it authenticates as a real one does.
struct SegmentEncryptionTests {
  private final class Keys: SegmentKeys {
    private struct Use: Hashable {
      var key: UInt64
      var lsn: UInt64
    }

    private let present: UInt64
    private let known: Set<UInt64>
    /// What was encrypted with each key and LSN.
    private let used = Mutex<[Use: [UInt8]]>([:])
    /// How often a key and LSN met other bytes than before: each is a keystream used twice.
    let reused = Atomic(0)
    private let seed = Atomic<UInt64>(0)

    init(_ present: UInt64, _ known: Set<UInt64>, seed: UInt64 = 0) {
      self.present = present
      self.known = known
      self.seed.store(seed, ordering: .relaxed)
    }

    func makeCipher(
      sequence: UInt64, salt: UInt64
    ) throws(LogStoreError) -> (
      masterKeyID: UInt64, wrappedKey: [UInt8], cipher: any SegmentCipher
    ) {
      let key = seed.add(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15 ^ salt
      let wrapped = withUnsafeBytes(of: key ^ present) { Array($0) }
      return (present, wrapped + [UInt8](repeating: 0, count: 52), Cipher(key: key, keys: self))
    }

    func cipher(
      masterKeyID: UInt64, wrappedKey: [UInt8], sequence: UInt64, salt: UInt64, path: String
    ) throws(LogStoreError) -> any SegmentCipher {
      guard known.contains(masterKeyID) else {
        throw .wrongKey(path: path, reason: "no key \(masterKeyID)")
      }
      let key = wrappedKey.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return Cipher(key: key ^ masterKeyID, keys: self)
    }

    func note(_ key: UInt64, _ lsn: UInt64, _ plain: [UInt8]) {
      let old = used.withLock { used in
        defer { used[Use(key: key, lsn: lsn)] = plain }
        return used[Use(key: key, lsn: lsn)]
      }
      if let old, old != plain { reused.add(1, ordering: .relaxed) }
    }
  }

  private struct Cipher: SegmentCipher {
    let key: UInt64
    let keys: Keys

    private func stream(_ bytes: [UInt8], _ lsn: UInt64) -> [UInt8] {
      var random = SplitMix64(seed: key ^ lsn &* 77)
      return bytes.map { $0 ^ UInt8(truncatingIfNeeded: random.next()) }
    }

    private func tag(_ sealed: [UInt8], _ lsn: UInt64, _ context: [UInt8]) -> [UInt8] {
      let seed = withUnsafeBytes(of: key ^ lsn) { CRC32C.of($0) }
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
      guard tag == self.tag(sealed, lsn, authenticating) else { return nil }
      return stream(sealed, lsn)
    }
  }

  private static func open(
    _ files: FaultyFiles, _ keys: Keys?
  ) throws(LogStoreError) -> SegmentLogStore {
    var options = SegmentLogOptions.small
    options.segmentBytes = 8 << 10
    options.keys = keys
    return try SegmentLogStore(path: "/log", files: files, options: options)
  }

  private static let marker = Array("MARKER-OF-A-SECRET".utf8)

  private static func append(
    _ store: SegmentLogStore, _ indexes: ClosedRange<UInt64>
  ) throws(LogStoreError) {
    for index in indexes {
      var batch = LogBatch()
      batch.append(
        1, [Entry(term: 1, index: index, data: marker + [UInt8](repeating: 9, count: 300))])
      batch.put(1, key: marker, value: marker)
      _ = try store.write(batch, .synced)
    }
  }

  private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard bytes.count >= part.count else { return false }
    return (0...bytes.count - part.count).contains { at in
      bytes[at] == part[0] && bytes[at..<at + part.count].elementsEqual(part)
    }
  }

  @Test func e01e08_nothingIsInClearAndEverythingIsReadBack() throws {
    let files = FaultyFiles()
    let keys = Keys(1, [1])
    var store = try Self.open(files, keys)
    try Self.append(store, 1...40)
    for _ in 1...2 {
      #expect(try store.all(1).count == 40)
      #expect(try store.value(1, key: Self.marker) == Self.marker)
      try store.verify(deep: true)
      try store.close()
      store = try Self.open(files, keys)
    }
    #expect(files.paths.filter { $0.hasSuffix(".seg") }.count > 2)
    for path in files.paths {
      #expect(!Self.contains(try #require(files.bytes(of: path)), Self.marker), "\(path)")
    }
    #expect(keys.reused.load(ordering: .relaxed) == 0)
  }

  @Test func e02e03_aWrongOrMissingKeyIsNamed() throws {
    let files = FaultyFiles()
    let store = try Self.open(files, Keys(1, [1]))
    try Self.append(store, 1...5)
    try store.close()
    let calls = files.calls
    for keys in [Keys(2, [2]), nil] {
      let error = #expect(throws: LogStoreError.self) { _ = try Self.open(files, keys) }
      guard case .wrongKey(let path, _) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(path == "/log/0000000000000001.seg")
    }
    #expect(files.calls == calls)
  }

  @Test func e04e06_plainAndEncryptedFilesTogetherAndRotationOfKeys() throws {
    let files = FaultyFiles()
    var store = try Self.open(files, nil)
    try Self.append(store, 1...20)
    #expect(store.masterKeysInUse == [])
    try store.close()
    store = try Self.open(files, Keys(1, [1]))
    try Self.append(store, 21...40)
    #expect(store.masterKeysInUse == [1])
    try store.close()
    store = try Self.open(files, Keys(2, [1, 2], seed: 50))
    try Self.append(store, 41...60)
    #expect(store.masterKeysInUse == [1, 2])
    #expect(try store.all(1).count == 60)
    var batch = LogBatch()
    batch.compact(1, to: 59, term: 1)
    _ = try store.write(batch, .synced)
    try store.purge()
    #expect(store.masterKeysInUse == [2])
    try store.close()
    store = try Self.open(files, Keys(2, [2], seed: 90))
    #expect(store.lastIndex(1) == 60)
  }

  /// Whatever a crash has cut off, no key meets the same LSN with other bytes.
  @Test func e07_noKeystreamIsUsedTwice() throws {
    var random = SplitMix64(seed: 4)
    let keys = Keys(1, [1])
    var files = FaultyFiles()
    var next: UInt64 = 1
    for round in 1...12 {
      files.plan(round % 2 == 0 ? .crashWithin : .fails, at: files.calls + 12 + round)
      do throws(LogStoreError) {
        let store = try Self.open(files, keys)
        next = store.lastIndex(1) + 1
        for _ in 1...15 {
          do throws(LogStoreError) {
            try Self.append(store, next...next)
            next += 1
          } catch {
            if case .poisoned = error { throw error }
          }
        }
      } catch {
        #expect(files.calls > 0)
      }
      files = files.survivors(.some, keepsNames: true, &random)
    }
    #expect(try Self.open(files, keys).lastIndex(1) > 10)
    #expect(keys.reused.load(ordering: .relaxed) == 0)
  }

  /// With checksums made to fit, so that only the tag can tell.
  @Test func e09e11_aChangedOrMovedFrameIsNotAuthentic() throws {
    let files = FaultyFiles()
    let keys = Keys(1, [1])
    let store = try Self.open(files, keys)
    try Self.append(store, 1...4)
    try store.close()
    let path = "/log/0000000000000001.seg"
    let bytes = try #require(files.bytes(of: path))
    let frames = stride(from: 4096, to: bytes.count - 64, by: 8).filter {
      Array(bytes[$0..<$0 + 4]) == Array("FRM1".utf8)
    }
    var damaged = bytes
    let start = frames[2] + 64
    damaged[start + 5] ^= 1
    let length = Int(bytes[frames[2] + 32]) | Int(bytes[frames[2] + 33]) << 8
    let payload = CRC32C.of(Array(damaged[start..<start + length]))
    withUnsafeBytes(of: payload.littleEndian) {
      damaged.replaceSubrange(frames[2] + 44..<frames[2] + 48, with: $0)
    }
    let seed = CRC32C.of(Array(bytes[48..<56]))
    let header = CRC32C.of(Array(damaged[frames[2] + 8..<frames[2] + 64]), continuing: seed)
    withUnsafeBytes(of: header.littleEndian) {
      damaged.replaceSubrange(frames[2] + 4..<frames[2] + 8, with: $0)
    }
    files.place(damaged, at: path)
    let error = #expect(throws: LogStoreError.self) { _ = try Self.open(files, keys) }
    #expect(error.map { "\($0)" }?.contains("not authentic") == true)
  }
}
