import Codec
import Storage
import Transaction
import Wire

extension TransactionService {
  /// Reads one key at a timestamp.
  func get(
    _ request: Kvrpcpb_GetRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_GetResponse>
  ) {
    read(request, .short, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let options = try ReadOptions(
        request.context, at: request.version, needsCommitTS: request.needCommitTs)
      commands.get(context, Get([UInt8](request.key), options), on: executor) { result in
        respond(result, done) { found in
          var response = Kvrpcpb_GetResponse()
          guard let found else {
            response.notFound = true
            return response
          }
          response.value = found.value.data
          if options.needsCommitTS { response.commitTs = found.commitTS?.value ?? 0 }
          return response
        }
      }
    }
  }

  /// Reads several keys at one timestamp. The response contains those that have a value or a lock, in the order of the
  /// request.
  func batchGet(
    _ request: Kvrpcpb_BatchGetRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_BatchGetResponse>
  ) {
    read(request, .long, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let options = try ReadOptions(
        request.context, at: request.version, needsCommitTS: request.needCommitTs)
      let command = BatchGet(request.keys.map { [UInt8]($0) }, options)
      commands.batchGet(context, command, on: executor, slicing: slicing(context, origin)) {
        respond($0, done) { entries in
          .with { $0.pairs = entries.map { $0.wire(needsCommitTS: options.needsCommitTS) } }
        }
      }
    }
  }

  /// Reads what a pipelined transaction has flushed; empty values are deletes.
  func bufferBatchGet(
    _ request: Kvrpcpb_BufferBatchGetRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_BufferBatchGetResponse>
  ) {
    read(request, .long, origin, done) { context, executor, done in
      let command = BufferBatchGet(
        request.keys.map { [UInt8]($0) }, startTS: Timestamp(request.version))
      commands.bufferBatchGet(context, command, on: executor, slicing: slicing(context, origin)) {
        respond($0, done) { entries in .with { $0.pairs = entries.map { $0.wire() } } }
      }
    }
  }

  /// Reads a range at one timestamp. A reverse scan starts below `start_key` and ends at `end_key`.
  func scan(
    _ request: Kvrpcpb_ScanRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_ScanResponse>
  ) {
    read(request, .long, origin, done) {
      (context, executor, done) throws(TransactionError) in
      var (start, end) = ([UInt8](request.startKey), [UInt8](request.endKey))
      if request.reverse { swap(&start, &end) }
      let command = Scan(
        range: KeyRange(encodingUserKeys: start, end),
        try ReadOptions(request.context, at: request.version), limit: Int(request.limit),
        isReverse: request.reverse, keyOnly: request.keyOnly, sampleStep: Int(request.sampleStep))
      commands.scan(context, command, on: executor, slicing: slicing(context, origin)) {
        respond($0, done) { entries in .with { $0.pairs = entries.map { $0.wire() } } }
      }
    }
  }

  /// Lists the locks of old transactions in a range.
  func scanLock(
    _ request: Kvrpcpb_ScanLockRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_ScanLockResponse>
  ) {
    read(request, .long, origin, done) { context, executor, done in
      let command = ScanLock(
        range: KeyRange(
          encodingUserKeys: [UInt8](request.startKey), [UInt8](request.endKey)),
        maxTS: Timestamp(request.maxVersion), limit: Int(request.limit))
      commands.scanLock(context, command, on: executor) {
        respond($0, done) { locks in .with { $0.locks = locks.map(\.wire) } }
      }
    }
  }

  // MARK: Inspection

  /// Returns everything that is stored of a key.
  func mvccGetByKey(
    _ request: Kvrpcpb_MvccGetByKeyRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_MvccGetByKeyResponse>
  ) {
    read(request, .long, origin, done) { context, executor, done in
      commands.mvccGetByKey(context, MvccGetByKey([UInt8](request.key)), on: executor) {
        respond($0, done) { info in .with { $0.info = info.wire } }
      }
    }
  }

  /// Returns everything that is stored of the first key of the region with a record of a transaction; nothing if there
  /// is none.
  func mvccGetByStartTS(
    _ request: Kvrpcpb_MvccGetByStartTsRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_MvccGetByStartTsResponse>
  ) {
    read(request, .long, origin, done) { context, executor, done in
      let command = MvccGetByStartTs(Timestamp(request.startTs), range: .all)
      commands.mvccGetByStartTS(context, command, on: executor) {
        respond($0, done) { found in
          var response = Kvrpcpb_MvccGetByStartTsResponse()
          guard let found else { return response }
          response.key = found.key.data
          response.info = found.info.wire
          return response
        }
      }
    }
  }

  /// Lists the requests of this store that wait for a pessimistic lock.
  func lockWaitInfo(
    _ request: Kvrpcpb_GetLockWaitInfoRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_GetLockWaitInfoResponse>
  ) {
    done(.with { $0.entries = commands.waitEdges.map(\.wire) })
  }
}
