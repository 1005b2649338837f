package import Codec
import Engine
package import Transaction

// Reads. Each raises `max_ts` and looks for locks in memory before its snapshot is taken.
extension TransactionCommands {
  /// Reads one key.
  package func get(
    _ context: RequestContext, _ command: Get, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<ReadValue?, TransactionFailure>) -> Void
  ) {
    let key = MVCCKey(command.key).encoded
    read(context, command.options, on: executor, done) {
      [concurrency] () throws(TransactionError) in
      try command.prepare(concurrency)
    } _: { [storage] reader, range throws(ReadError) in
      try Self.check([key], in: range, context)
      let value = try ReadError.run { () throws(TransactionError) in try command.execute(reader) }
      storage.recordRead(
        context, from: key, to: key, keys: 1, bytes: value?.value.count ?? 0, busy: .zero)
      return value
    }
  }

  /// Reads several keys. Those that have a value or are locked, in the order of the request.
  package func batchGet(
    _ context: RequestContext, _ command: BatchGet, on executor: @escaping StorageExecutor,
    slicing: ReadTimeSlicing? = nil,
    _ done: @escaping @Sendable (Result<[ScanEntry], TransactionFailure>) -> Void
  ) {
    let keys = command.keys.map { MVCCKey($0).encoded }
    let keyRange = KeyRange(coverOf: keys)
    slices(context, command.options, on: executor, over: keyRange, slicing, done) {
      [concurrency] () throws(TransactionError) in
      try command.prepare(concurrency)
    } _: { reader, range throws(ReadError) in
      try Self.check(keys, in: range, context)
      return BatchGetPieces(command, reader)
    }
  }

  /// Reads what a pipelined transaction has flushed of keys; empty values are deletes.
  package func bufferBatchGet(
    _ context: RequestContext, _ command: BufferBatchGet, on executor: @escaping StorageExecutor,
    slicing: ReadTimeSlicing? = nil,
    _ done: @escaping @Sendable (Result<[ScanEntry], TransactionFailure>) -> Void
  ) {
    let keys = command.keys.map { MVCCKey($0).encoded }
    let options = ReadOptions(at: command.startTS)
    slices(context, options, on: executor, over: KeyRange(coverOf: keys), slicing, done) {
      () throws(TransactionError) in
    } _: { reader, range throws(ReadError) in
      try Self.check(keys, in: range, context)
      return BufferGetPieces(command, reader)
    }
  }

  /// Reads the pairs of a range, cut to the region.
  package func scan(
    _ context: RequestContext, _ command: Scan, on executor: @escaping StorageExecutor,
    slicing: ReadTimeSlicing? = nil,
    _ done: @escaping @Sendable (Result<[ScanEntry], TransactionFailure>) -> Void
  ) {
    slices(context, command.options, on: executor, over: command.range, slicing, done) {
      [concurrency] () throws(TransactionError) in
      try command.prepare(concurrency)
    } _: { reader, range throws(ReadError) in
      var cut = command
      cut.range = command.range.intersect(range)
      return ScanSteps(cut, reader)
    }
  }

  /// Returns the locks of old transactions in a range, cut to the region.
  package func scanLock(
    _ context: RequestContext, _ command: ScanLock, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<[LockInfo], TransactionFailure>) -> Void
  ) {
    let limit = limits.maxReplyBytes
    read(context, nil, on: executor, done) { [concurrency] () throws(TransactionError) in
      try command.prepare(concurrency)
    } _: { reader, range throws(ReadError) in
      var cut = command
      cut.range = command.range.intersect(range)
      return try cut.execute(reader, maxBytes: limit)
    }
  }

  // MARK: Inspection

  /// Returns everything that is stored of a key.
  package func mvccGetByKey(
    _ context: RequestContext, _ command: MvccGetByKey, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<MVCCInfo, TransactionFailure>) -> Void
  ) {
    let key = MVCCKey(command.key).encoded
    read(context, nil, on: executor, done) { () throws(TransactionError) in
    } _: { reader, range throws(ReadError) in
      try Self.check([key], in: range, context)
      return try ReadError.run { () throws(TransactionError) in try command.execute(reader) }
    }
  }

  /// Returns everything that is stored of the first key of the region with a record of a transaction; nil if there is
  /// none.
  package func mvccGetByStartTS(
    _ context: RequestContext, _ command: MvccGetByStartTs, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<KeyMVCCInfo?, TransactionFailure>) -> Void
  ) {
    read(context, nil, on: executor, done) { () throws(TransactionError) in
    } _: { reader, range throws(ReadError) in
      var cut = command
      cut.range = command.range.intersect(range)
      guard !cut.range.isEmpty else { return nil }
      let found = try ReadError.run { () throws(TransactionError) in try cut.execute(reader) }
      return found.map { KeyMVCCInfo(key: $0.key, info: $0.info) }
    }
  }

  // MARK: Common steps

  private static func check(
    _ keys: [[UInt8]], in range: KeyRange, _ context: RequestContext
  ) throws(ReadError) {
    for key in keys where !range.contains(key) {
      throw .storage(.region(.keyNotInRegion(key, context.regionID, range)))
    }
  }

  /// A read in one piece.
  ///
  /// - Parameter options: nil for what is not read at a timestamp.
  private func read<T: Sendable>(
    _ context: RequestContext, _ options: ReadOptions?, on executor: @escaping StorageExecutor,
    _ done: @escaping Done<T>,
    _ prepare: () throws(TransactionError) -> Void,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(ReadError) -> T
  ) {
    if let refusal = Self.refusal(of: context) { return done(.failure(refusal)) }
    var context = context
    if let options {
      if context.staleRead, options.timestamp == .zero {
        return done(.failure(.storage(.refused("a stale read needs a timestamp"))))
      }
      context.readTS = options.timestamp.value
    }
    do throws(TransactionError) {
      try prepare()
    } catch {
      return done(.failure(.transaction(error)))
    }
    // Errors of the engine are reported to the storage; those of the transaction are results to it.
    let withView:
      @Sendable (any KVReader, KeyRange) throws(StorageError) -> Result<T, TransactionError> =
        { reader, range throws(StorageError) in
          do throws(ReadError) {
            return .success(try body(reader, range))
          } catch {
            switch error {
            case .storage(let error): throw error
            case .transaction(.engine(let error)): throw .engine(error)
            case .transaction(let error): return .failure(error)
            }
          }
        }
    let completion: @Sendable (Result<Result<T, TransactionError>, StorageError>) -> Void = {
      switch $0 {
      case .success(let result): done(result.mapError(TransactionFailure.transaction))
      case .failure(let error): done(.failure(.storage(error)))
      }
    }
    if let local = storage.tryLocalRead(context, withView) { return completion(local) }
    storage.read(context, on: executor, withView, completion)
  }

  /// A read that may take long. It reads one snapshot and yields to other reads between its pieces.
  ///
  /// - Parameter keys: what it reads, for splits by load.
  private func slices<Pieces: ReadPieces>(
    _ context: RequestContext, _ options: ReadOptions, on executor: @escaping StorageExecutor,
    over keys: KeyRange, _ slicing: ReadTimeSlicing?,
    _ done: @escaping Done<[ScanEntry]>,
    _ prepare: () throws(TransactionError) -> Void,
    _ pieces: @escaping @Sendable (any KVReader, KeyRange) throws(ReadError) -> sending Pieces
  ) where Pieces.Reply == ReplyEntries {
    let reply = ReplyEntries(limit: limits.maxReplyBytes)
    let viewed: Done<ReadView> = { [self, storage] result in
      let view: ReadView
      switch result {
      case .success(let found): view = found
      case .failure(let failure): return done(.failure(failure))
      }
      do throws(ReadError) {
        let finished:
          @Sendable (Result<Result<[ScanEntry], TransactionError>, StorageError>) -> Void = {
            [self, storage] result in
            switch result {
            case .success(.success(let entries)): done(.success(entries))
            case .success(.failure(let error)): done(.failure(failure(error, context)))
            case .failure(let error): done(.failure(.storage(storage.failed(error, context))))
            }
          }
        SlicedRead(try pieces(view.reader, view.range), into: reply, slicing, finished) {
          reply, busy in
          storage.recordRead(
            context, from: keys.start, to: keys.end, keys: reply.keysRead, bytes: reply.bytesRead,
            busy: busy)
        }.run()
      } catch {
        switch error {
        case .storage(let error): done(.failure(.storage(error)))
        case .transaction(let error): done(.failure(failure(error, context)))
        }
      }
    }
    read(context, options, on: executor, viewed, prepare) { ReadView(reader: $0, range: $1) }
  }

  /// What a long read goes on with.
  private struct ReadView: Sendable {
    var reader: any KVReader
    var range: KeyRange
  }
}
