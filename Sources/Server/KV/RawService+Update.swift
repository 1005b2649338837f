import Codec
import Storage
import Wire

// Compare-and-swap, TTL and checksums. `BatchCommands` has no such requests.
extension RawService {
  /// Writes a key if it has the expected value. Every response without an error contains the previous value.
  func compareAndSwap(
    _ request: Kvrpcpb_RawCASRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawCASResponse>
  ) {
    guard let context = context(request, done) else { return }
    let swap = RawSwap(
      key: [UInt8](request.key),
      expected: request.previousNotExist ? nil : [UInt8](request.previousValue),
      replacement: request.delete ? nil : [UInt8](request.value), ttl: request.ttl)
    single(origin, done) { executor, done in
      commands.compareAndSwap(context, cf: request.cf, swap, on: executor) { result in
        switch result {
        case .success(let outcome):
          var response = Kvrpcpb_RawCASResponse()
          response.succeed = outcome.succeeded
          if let previous = outcome.previous {
            response.previousValue = previous.data
          } else {
            response.previousNotExist = true
          }
          done(response)
        case .failure(let error): done(Kvrpcpb_RawCASResponse(error))
        }
      }
    }
  }

  /// Returns the seconds until a key expires; 0 for a key that never does.
  func getKeyTTL(
    _ request: Kvrpcpb_RawGetKeyTTLRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawGetKeyTTLResponse>
  ) {
    guard let context = context(request, done) else { return }
    single(origin, done) { executor, done in
      commands.keyTTL(context, cf: request.cf, key: [UInt8](request.key), on: executor) { result in
        switch result {
        case .success(let seconds):
          var response = Kvrpcpb_RawGetKeyTTLResponse()
          if let seconds { response.ttl = seconds } else { response.notFound = true }
          done(response)
        case .failure(let error): done(Kvrpcpb_RawGetKeyTTLResponse(error))
        }
      }
    }
  }

  /// Computes the checksum of the pairs of several ranges.
  func checksum(
    _ request: Kvrpcpb_RawChecksumRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawChecksumResponse>
  ) {
    guard let context = context(request, done) else { return }
    guard request.algorithm == .crc64Xor else {
      return done(
        Kvrpcpb_RawChecksumResponse(.refused("unknown checksum algorithm: \(request.algorithm)")))
    }
    read(context, origin, done) { executor, slicing, done in
      commands.checksum(
        context, ranges: request.ranges.map(KeyRange.init), on: executor, slicing: slicing
      ) { result in
        switch result {
        case .success(let sum):
          var response = Kvrpcpb_RawChecksumResponse()
          response.checksum = sum.checksum
          response.totalKvs = sum.pairs
          response.totalBytes = sum.bytes
          done(response)
        case .failure(let error): done(Kvrpcpb_RawChecksumResponse(error))
        }
      }
    }
  }

  /// Runs a request for one key in the pool, within the limit of its connection.
  private func single<Response: RefusableResponse>(
    _ origin: ReadOrigin, _ done: @escaping Done<Response>,
    _ body: @escaping @Sendable (@escaping StorageExecutor, @escaping Done<Response>) -> Void
  ) {
    guard origin.beginQueued(limit: ReadPool.shortReadsPerConnection) else {
      return done(Response(Self.connectionIsFull))
    }
    let counted: Done<Response> = {
      origin.endQueued()
      done($0)
    }
    let isTaken = pool.run(.short) {
      guard !origin.isCancelled else { return counted(Response(.cancelled)) }
      body(pool.executor(.short), counted)
    }
    if !isTaken { counted(Response(Self.poolIsFull)) }
  }
}
