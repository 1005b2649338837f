import Codec
import Engine
import Runtime
import Storage
import Synchronization
import TestSupport

/// A standalone storage over memory, and blocking forms of its calls.
final class StandaloneFixture: Sendable {
  static let peer = PeerInfo(id: 3, storeID: 1)
  static let region = Region(id: 2, epoch: .initial, peers: [peer])
  static let context = RequestContext(regionID: 2, epoch: .initial, peer: peer)

  let engine: MemoryEngine
  let storage: StandaloneStorage
  let raw: RawCommands
  let reasons = FatalReasons()
  private let host = ThreadHost()

  init(
    region: Region = StandaloneFixture.region, format: RawFormat = .plain,
    limits: RawLimits = RawLimits(), maxWriteSize: UInt64 = 8 << 20
  ) throws {
    engine = try MemoryEngine()
    let reasons = reasons
    storage = StandaloneStorage(
      engine: engine, region: region, peer: Self.peer, host: host, maxWriteSize: maxWriteSize
    ) { reasons.add($0) }
    raw = RawCommands(storage: storage, format: format, limits: limits)
  }

  deinit { storage.stop() }

  /// Waits for the one response of a call.
  func result<T: Sendable>(
    _ call: (@escaping @Sendable (Result<T, StorageError>) -> Void) -> Void
  ) throws -> T {
    let box = ResultBox<T>()
    call { box.fill($0) }
    return try box.wait().get()
  }

  func get(
    _ key: [UInt8], cf: String = "", _ context: RequestContext = StandaloneFixture.context
  ) throws -> [UInt8]? {
    try result { raw.get(context, cf: cf, key: key, on: { $0() }, $0) }
  }

  func put(
    _ key: [UInt8], _ value: [UInt8], cf: String = "", ttl: UInt64 = 0,
    _ context: RequestContext = StandaloneFixture.context
  ) throws {
    try result { raw.put(context, cf: cf, key: key, value: value, ttl: ttl, $0) }
  }

  func delete(_ keys: [UInt8]...) throws {
    try result { raw.delete(Self.context, cf: "", keys: keys, $0) }
  }

  func deleteRange(_ start: [UInt8], _ end: [UInt8]) throws {
    try result { raw.deleteRange(Self.context, cf: "", start: start, end: end, $0) }
  }

  /// The keys a scan yields.
  func keys(_ scan: RawScan) throws -> [[UInt8]] {
    try result { raw.scan(Self.context, cf: "", scan, on: { $0() }, $0) }.map(\.key)
  }
}

/// One response, waited for.
final class ResultBox<T: Sendable>: Sendable {
  private let stored = Mutex<Result<T, StorageError>?>(nil)
  private let semaphore = BinarySemaphore()

  func fill(_ result: Result<T, StorageError>) {
    stored.withLock { $0 = result }
    semaphore.signal()
  }

  func wait() throws -> Result<T, StorageError> {
    semaphore.wait(atMost: .seconds(10))
    guard let result = stored.withLock({ $0 }) else { throw NoResponse() }
    return result
  }

  struct NoResponse: Error {}
}
