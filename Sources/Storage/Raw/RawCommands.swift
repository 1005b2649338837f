package import Codec
package import Engine
import Runtime

/// Raw requests: keys and values without versions, each request in one region. The behavior is that of TiKV's API V1
/// without TTL.
///
/// Reads other than `tryGet` may wait for the disk on the calling thread, so event loops run them on a thread pool.
/// Completions are called exactly once: on the calling thread if a read can be served there, otherwise on the given
/// executor (reads) or on any thread (writes). Reads of many keys with a `ReadTimeSlicing` continue where that runs
/// them.
///
/// Common parameters: `cf` is `default`, `lock`, `write` or empty for `default`; another one fails with `refused`.
package struct RawCommands: Sendable {
  let storage: any Storage
  let limits: RawLimits

  package init(storage: any Storage, limits: RawLimits = RawLimits()) {
    self.storage = storage
    self.limits = limits
  }

  // MARK: Reads

  /// The value of a key if it can be read without waiting for the disk or other stores: for event loops. Nil if it
  /// needs `get`. The inner optional is nil if there is no value.
  package func tryGet(
    _ context: RequestContext, cf name: String, key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    do throws(StorageError) {
      return storage.tryLocalGet(context, try family(name, context), key)
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
    read(context, name, on: executor, completion) { cf, reader, range throws(StorageError) in
      try Self.check(key, in: range, context)
      return try Self.engine { () throws(EngineError) in try reader.get(cf.family, key) }
    }
  }

  /// Reads the pairs that exist, in the order of `keys`. A key that is requested twice is returned twice.
  package func batchGet(
    _ context: RequestContext, cf name: String, keys: [[UInt8]],
    on executor: @escaping StorageExecutor, slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    slices(context, name, on: executor, slicing, completion) { view throws(StorageError) in
      for key in keys { try Self.check(key, in: view.range, context) }
      return LookupPieces(view.reader, view.family, keys)
    }
  }

  /// Reads the pairs of a range, cut to the region.
  package func scan(
    _ context: RequestContext, cf name: String, _ scan: RawScan,
    on executor: @escaping StorageExecutor, slicing: ReadTimeSlicing? = nil,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void
  ) {
    slices(context, name, on: executor, slicing, completion) { view in
      ScanPieces(view.reader, view.family, [scan], within: view.range)
    }
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
    slices(context, name, on: executor, slicing, completion) { view in
      ScanPieces(view.reader, view.family, scans, within: view.range)
    }
  }

  // MARK: Writes

  /// Stores a pair. A `ttl` other than 0 is refused.
  package func put(
    _ context: RequestContext, cf name: String, key: [UInt8], value: [UInt8], ttl: UInt64,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, ttl: ttl, completion) { cf throws(StorageError) in
      try checkSize(key)
      return [.put(cf: cf, key: key, value: value)]
    }
  }

  /// Stores several pairs atomically.
  ///
  /// - Parameter ttls: none, one for all pairs, or one for each; all 0.
  package func batchPut(
    _ context: RequestContext, cf name: String, pairs: [KeyValue], ttls: [UInt64],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    guard ttls.count <= 1 || ttls.count == pairs.count else {
      return completion(
        .failure(.refused("The length of ttls does not equal to the length of pairs")))
    }
    write(context, name, ttl: ttls.max() ?? 0, completion) { cf throws(StorageError) in
      for pair in pairs { try checkSize(pair.key) }
      return pairs.map { .put(cf: cf, key: $0.key, value: $0.value) }
    }
  }

  /// Deletes keys atomically. Missing ones are no error.
  package func delete(
    _ context: RequestContext, cf name: String, keys: [[UInt8]],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, ttl: 0, completion) { cf throws(StorageError) in
      for key in keys { try checkSize(key) }
      return keys.map { .delete(cf: cf, key: $0) }
    }
  }

  /// Deletes `[start, end)`, which must lie in the region. An empty end is the end of all keys.
  package func deleteRange(
    _ context: RequestContext, cf name: String, start: [UInt8], end: [UInt8],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, name, ttl: 0, completion) { cf throws(StorageError) in
      try checkSize(start)
      try checkSize(end)
      guard !KeyRange(start: start, end: end).isEmpty else {
        throw .refused("invalid range: start key \(start.hex) is not before end key \(end.hex)")
      }
      return [.deleteRange(cf: cf, start: start, end: end, notifyOnly: false)]
    }
  }

  // MARK: Common steps

  private func read<T: Sendable>(
    _ context: RequestContext, _ name: String, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void,
    _ body: @escaping @Sendable (DataCF, any KVReader, KeyRange) throws(StorageError) -> T
  ) {
    let cf: DataCF
    do throws(StorageError) {
      cf = try family(name, context)
    } catch {
      return completion(.failure(error))
    }
    let local = storage.tryLocalRead(context) { reader, range throws(StorageError) in
      try body(cf, reader, range)
    }
    if let local { return completion(local) }
    storage.read(
      context, on: executor,
      { reader, range throws(StorageError) in try body(cf, reader, range) }, completion)
  }

  /// A snapshot of the data of a region.
  private struct View: Sendable {
    let family: ColumnFamily
    let reader: any KVReader
    let range: KeyRange
  }

  /// A read that may take long. It reads one snapshot and yields to other reads between its pieces.
  private func slices<Pieces: ReadPieces>(
    _ context: RequestContext, _ name: String, on executor: @escaping StorageExecutor,
    _ slicing: ReadTimeSlicing?,
    _ completion: @escaping @Sendable (Result<[KeyValue], StorageError>) -> Void,
    _ pieces: @escaping @Sendable (View) throws(StorageError) -> sending Pieces
  ) {
    let limit = limits.maxReplyBytes
    let viewed: @Sendable (Result<View, StorageError>) -> Void = { result in
      do throws(StorageError) {
        let pieces = try pieces(try result.get())
        SlicedRead(pieces, limit: limit, slicing, completion).run()
      } catch {
        completion(.failure(error))
      }
    }
    read(context, name, on: executor, viewed) { cf, reader, range throws(StorageError) in
      View(family: cf.family, reader: reader, range: range)
    }
  }

  private func write(
    _ context: RequestContext, _ name: String, ttl: UInt64,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void,
    _ mutations: (DataCF) throws(StorageError) -> [Mutation]
  ) {
    do throws(StorageError) {
      let cf = try family(name, context)
      guard ttl == 0 else {
        throw .refused("ttl is not enabled, but get put request with ttl")
      }
      let mutations = try mutations(cf)
      // An empty write needs no entry in the log.
      if mutations.isEmpty { return completion(.success(())) }
      storage.write(context, mutations, completion)
    } catch {
      completion(.failure(error))
    }
  }

  private func family(
    _ name: String, _ context: RequestContext
  ) throws(StorageError) -> DataCF {
    guard context.apiVersion == .v1 else {
      throw .refused(
        "Api version in request does not match with TiKV storage, storage: V1, "
          + "request: \(context.apiVersion)")
    }
    guard let cf = DataCF(name: name) else { throw .refused("invalid cf name: \(name)") }
    return cf
  }

  private func checkSize(_ key: [UInt8]) throws(StorageError) {
    guard key.count <= limits.maxKeySize else {
      throw .refused("max key size exceeded, size: \(key.count), limit: \(limits.maxKeySize)")
    }
  }

  private static func check(
    _ key: [UInt8], in range: KeyRange, _ context: RequestContext
  ) throws(StorageError) {
    guard range.contains(key) else {
      throw .region(.keyNotInRegion(key, context.regionID, range))
    }
  }

  static func engine<T>(
    _ body: () throws(EngineError) -> T
  ) throws(StorageError) -> T {
    do throws(EngineError) { return try body() } catch { throw .engine(error) }
  }
}
