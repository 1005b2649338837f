package import Codec
package import Engine
import Runtime

/// Raw requests: keys and values without versions, each request in one region. The behavior is that of TiKV's API V1
/// with or without TTL.
///
/// Reads other than `tryGet` may wait for the disk on the calling thread, so event loops run them on a thread pool.
/// Completions are called exactly once: on the calling thread if a read can be served there, otherwise on the given
/// executor (reads) or on any thread (writes). Reads of many keys with a `ReadTimeSlicing` continue where that runs
/// them.
///
/// A store has one value of this type for all requests: its copies share the latches that make compare-and-swap
/// atomic.
///
/// Common parameters: `cf` is `default`, `lock`, `write` or empty for `default`; another one fails with `refused`.
/// `ttl` is in seconds, 0 for a value that never expires; others are refused by a store without TTL.
package struct RawCommands: Sendable {
  let storage: any Storage
  let format: RawFormat
  let limits: RawLimits
  let latches = KeyLatches()

  package init(
    storage: any Storage, format: RawFormat = .plain, limits: RawLimits = RawLimits()
  ) {
    self.storage = storage
    self.format = format
    self.limits = limits
  }

  // MARK: Reads

  /// The value of a key if it can be read without waiting for the disk or other stores: for event loops. Nil if it
  /// needs `get`. The inner optional is nil if there is no value.
  package func tryGet(
    _ context: RequestContext, cf name: String, key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    do throws(StorageError) {
      let cf = try family(name, context)
      guard let found = storage.tryLocalGet(context, cf, key) else { return nil }
      guard case .expiring = format, let stored = try found.get() else { return found }
      return .success(try format.values.live(stored, of: key))
    } catch {
      return .failure(error)
    }
  }

  /// Reads the value of a key; nil if there is none.
  package func get(
    _ context: RequestContext, cf name: String, key: [UInt8],
    on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<[UInt8]?, StorageError>) -> Void
  ) {
    read(context, name, on: executor, completion) { [storage] view throws(StorageError) in
      let stored = try view.stored(key, context)
      storage.recordRead(
        context, from: key, to: key, keys: 1, bytes: stored?.count ?? 0, busy: .zero)
      guard let stored else { return nil }
      return try view.values.live(stored, of: key)
    }
  }

  /// Reads the pairs that exist, in the order of `keys`. A key that is requested twice is returned twice.
  package func batchGet(
    _ context: RequestContext, cf name: String, keys: [[UInt8]],
    on executor: @escaping StorageExecutor, slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    slices(
      context, name, on: executor, over: KeyRange(coverOf: keys), into: reply, slicing, completion
    ) { view throws(StorageError) in
      for key in keys { try view.check(key, context) }
      return LookupPieces(view, keys)
    }
  }

  /// Reads the pairs of a range, cut to the region.
  package func scan(
    _ context: RequestContext, cf name: String, _ scan: RawScan,
    on executor: @escaping StorageExecutor, slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    readScans([scan], context, name, on: executor, into: reply, slicing, completion)
  }

  /// Reads the pairs of several ranges, up to `eachLimit` of each, cut to the region.
  package func batchScan(
    _ context: RequestContext, cf name: String, ranges: [KeyRange], eachLimit: Int,
    keyOnly: Bool, reverse: Bool, on executor: @escaping StorageExecutor,
    slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    let template = RawScan(limit: eachLimit, keyOnly: keyOnly, isReverse: reverse)
    guard let scans = template.over(ranges) else {
      return completion(.failure(.refused("Invalid KeyRanges")))
    }
    readScans(scans, context, name, on: executor, into: reply, slicing, completion)
  }

  /// Computes the checksum of the pairs of all ranges, cut to the region.
  package func checksum(
    _ context: RequestContext, ranges: [KeyRange], on executor: @escaping StorageExecutor,
    slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<RawChecksum, StorageError>) -> Void
  ) {
    let scans = ranges.map { RawScan(start: $0.start, end: $0.end, limit: .max) }
    readScans(scans, context, "", on: executor, into: ChecksumReply(), slicing, completion)
  }

  /// Reads the seconds until a key expires, 0 if it never does; nil if there is no such key.
  package func keyTTL(
    _ context: RequestContext, cf name: String, key: [UInt8],
    on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UInt64?, StorageError>) -> Void
  ) {
    guard case .expiring = format else {
      // TiKV without TTL panics.
      return completion(.failure(.refused("ttl is not enabled, but get raw_get_key_ttl request")))
    }
    read(context, name, on: executor, completion) { view throws(StorageError) in
      guard let stored = try view.stored(key, context) else { return nil }
      return try view.values.secondsLeft(stored, of: key)
    }
  }

  // MARK: Writes

  /// Stores a pair.
  package func put(
    _ context: RequestContext, cf name: String, key: [UInt8], value: [UInt8], ttl: UInt64,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, completion) { cf throws(StorageError) in
      try checkSize(key)
      return [.put(cf: cf, key: key, value: try format.values.stored(value, ttl: ttl))]
    }
  }

  /// Stores several pairs atomically.
  ///
  /// - Parameter ttls: none, one for all pairs, or one for each.
  package func batchPut(
    _ context: RequestContext, cf name: String, pairs: [KeyValue], ttls: [UInt64],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    guard ttls.count <= 1 || ttls.count == pairs.count else {
      return completion(
        .failure(.refused("The length of ttls does not equal to the length of pairs")))
    }
    write(context, name, completion) { cf throws(StorageError) in
      let values = format.values
      for ttl in ttls { try values.check(ttl: ttl) }
      for pair in pairs { try checkSize(pair.key) }
      return try pairs.indices.map { index throws(StorageError) in
        let ttl = ttls.count == pairs.count ? ttls[index] : ttls.first ?? 0
        let value = try values.stored(pairs[index].value, ttl: ttl)
        return .put(cf: cf, key: pairs[index].key, value: value)
      }
    }
  }

  /// Deletes keys atomically. Missing ones are no error.
  package func delete(
    _ context: RequestContext, cf name: String, keys: [[UInt8]],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, completion) { cf throws(StorageError) in
      for key in keys { try checkSize(key) }
      return keys.map { .delete(cf: cf, key: $0) }
    }
  }

  /// Deletes `[start, end)`, which must lie in the region. An empty end is the end of all keys.
  package func deleteRange(
    _ context: RequestContext, cf name: String, start: [UInt8], end: [UInt8],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, completion) { cf throws(StorageError) in
      try checkSize(start)
      try checkSize(end)
      guard !KeyRange(start: start, end: end).isEmpty else {
        throw .refused("invalid range: start key \(start.hex) is not before end key \(end.hex)")
      }
      return [.deleteRange(cf: cf, start: start, end: end, notifyOnly: false)]
    }
  }

  // MARK: Common steps

  /// An empty response to a read of pairs.
  private var reply: ReplyPairs { ReplyPairs(limit: limits.maxReplyBytes) }

  private func read<T: Sendable>(
    _ context: RequestContext, _ name: String, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void,
    _ body: @escaping @Sendable (RawView) throws(StorageError) -> T
  ) {
    let cf: DataCF
    do throws(StorageError) {
      cf = try family(name, context)
    } catch {
      return completion(.failure(error))
    }
    let values = format.values
    let withView: @Sendable (any KVReader, KeyRange) throws(StorageError) -> T = {
      reader, range throws(StorageError) in
      try body(RawView(family: cf.family, reader: reader, range: range, values: values))
    }
    if let local = storage.tryLocalRead(context, withView) { return completion(local) }
    storage.read(context, on: executor, withView, completion)
  }

  /// A read that may take long. It reads one snapshot and yields to other reads between its pieces.
  ///
  /// - Parameter keys: what it reads, for splits by load.
  private func slices<Pieces: ReadPieces>(
    _ context: RequestContext, _ name: String, on executor: @escaping StorageExecutor,
    over keys: KeyRange, into reply: Pieces.Reply, _ slicing: ReadTimeSlicing?,
    _ completion: @escaping @Sendable (Result<Pieces.Reply.Value, StorageError>) -> Void,
    _ pieces: @escaping @Sendable (RawView) throws(StorageError) -> sending Pieces
  ) {
    let storage = storage
    let viewed: @Sendable (Result<RawView, StorageError>) -> Void = { result in
      do throws(StorageError) {
        let pieces = try pieces(try result.get())
        let done: @Sendable (Result<Pieces.Reply.Value, StorageError>) -> Void = { result in
          completion(result.mapError { storage.failed($0, context) })
        }
        SlicedRead(pieces, into: reply, slicing, done) { [storage] reply, busy in
          storage.recordRead(
            context, from: keys.start, to: keys.end, keys: reply.keysRead, bytes: reply.bytesRead,
            busy: busy)
        }.run()
      } catch {
        completion(.failure(error))
      }
    }
    read(context, name, on: executor, viewed) { $0 }
  }

  /// Scans one range after another.
  private func readScans<Reply: ScanReply>(
    _ scans: [RawScan], _ context: RequestContext, _ name: String,
    on executor: @escaping StorageExecutor, into reply: Reply, _ slicing: ReadTimeSlicing?,
    _ completion: @escaping @Sendable (Result<Reply.Value, StorageError>) -> Void
  ) {
    slices(
      context, name, on: executor, over: KeyRange(coverOf: scans), into: reply, slicing, completion
    ) { view throws(StorageError) in
      for scan in scans { try scan.checkStart(in: view.range, context) }
      return ScanPieces<Reply>(view, scans)
    }
  }

  private func write(
    _ context: RequestContext, _ name: String,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void,
    _ mutations: (DataCF) throws(StorageError) -> [Mutation]
  ) {
    do throws(StorageError) {
      let mutations = try mutations(try family(name, context))
      // An empty write needs no entry in the log.
      if mutations.isEmpty { return completion(.success(())) }
      let holding = KeyLatches.holding(for: mutations)
      if latches.tryWrite(holding) {
        write(context, mutations, under: holding, completion)
      } else {
        let isQueued = latches.write(holding, bytes: mutations.memoryCost) { [self] in
          write(context, mutations, under: holding, completion)
        }
        if !isQueued { throw Self.latchesAreFull }
      }
    } catch {
      completion(.failure(error))
    }
  }

  /// Writes with the latches held, and releases them.
  private func write(
    _ context: RequestContext, _ mutations: [Mutation], under holding: KeyLatches.Holding,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    storage.write(context, mutations) { [latches] result in
      latches.release(holding)
      completion(result)
    }
  }

  static let latchesAreFull = StorageError.region(
    .serverIsBusy(reason: "too many requests wait for an update of their keys", backoffMs: 0))

  func family(
    _ name: String, _ context: RequestContext
  ) throws(StorageError) -> DataCF {
    guard context.apiVersion == .v1 else {
      throw .refused(
        "Api version in request does not match with TiKV storage, storage: \(format.name), "
          + "request: \(context.apiVersion)")
    }
    guard let cf = DataCF(name: name) else { throw .refused("invalid cf name: \(name)") }
    return cf
  }

  func checkSize(_ key: [UInt8]) throws(StorageError) {
    guard key.count <= limits.maxKeySize else {
      throw .refused("max key size exceeded, size: \(key.count), limit: \(limits.maxKeySize)")
    }
  }

  static func engine<T>(
    _ body: () throws(EngineError) -> T
  ) throws(StorageError) -> T {
    do throws(EngineError) { return try body() } catch { throw .engine(error) }
  }
}
