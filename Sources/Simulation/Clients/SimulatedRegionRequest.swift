import Codec
import Engine
package import History
import Runtime
import SimulationKit
import Storage

/// One request to one region, as a client sends it.
package enum SimulatedRegionRequest: Sendable {
  case get(key: [UInt8])
  case put(Pair)
  case batchGet(keys: [[UInt8]])
  case batchPut([Pair])
  case delete(keys: [[UInt8]])
  case scan(start: [UInt8], end: [UInt8], limit: Int, isReverse: Bool)
  case deleteRange(start: [UInt8], end: [UInt8])
  case compareAndSwap(key: [UInt8], expected: [UInt8]?, value: [UInt8])
}

/// What a store responds.
package enum RegionReply: Sendable {
  case done
  case found([Pair])
  case swapped(succeeded: Bool, previous: [UInt8]?)
  case failed(StorageFailure)
}

/// Why a store did not do it.
package enum StorageFailure: Error, Sendable {
  case region(RegionErrorKind)
  case other(String)
}

/// What a client makes of a region error.
package enum RegionErrorKind: Sendable, Hashable {
  /// Not done; another peer leads, if it is known which.
  case notLeader(peerID: UInt64?)
  /// Not done; what the client knows of the region is out of date.
  case stale
  /// Not done; to be tried again.
  case busy
  /// It may have been done or not.
  case undetermined
  /// Not done; the replica does not serve stale reads at that timestamp yet.
  case notReady
}

extension RegionErrorKind {
  init(_ error: RegionError) {
    switch error {
    case .notLeader(_, let leader): self = .notLeader(peerID: leader?.id)
    case .regionNotFound, .keyNotInRegion, .epochNotMatch, .storeNotMatch, .mismatchPeerID,
      .regionNotInitialized:
      self = .stale
    case .serverIsBusy, .readIndexNotReady, .raftEntryTooLarge, .maxTimestampNotSynced,
      .proposalInMergingMode, .diskFull, .recoveryInProgress,
      .flashbackInProgress, .flashbackNotPrepared, .isWitness, .bucketVersionNotMatch:
      self = .busy
    case .dataIsNotReady: self = .notReady
    case .staleCommand, .undeterminedResult, .other: self = .undetermined
    }
  }
}

extension SimulatedRegionRequest {
  /// Has a store carry it out, inside its process.
  func serve(
    _ commands: RawCommands, _ context: RequestContext, _ process: SimulatedProcess,
    _ respond: @escaping (RegionReply) -> Void
  ) {
    let scheduler = process.machine.scheduler
    let executor: StorageExecutor = { body in
      scheduler.after(.microseconds(20), in: process) { body() }
    }
    let respond = ThreadBound(respond)
    let written: @Sendable (Result<Void, StorageError>) -> Void = { result in
      respond.value(RegionReply(result.map { .done }))
    }
    let read: @Sendable (Result<[KeyValue], StorageError>) -> Void = { result in
      respond.value(
        RegionReply(result.map { .found($0.map { Pair(key: $0.key, value: $0.value) }) }))
    }
    switch self {
    case .get(let key):
      let found: @Sendable (Result<[UInt8]?, StorageError>) -> Void = { result in
        respond.value(
          RegionReply(
            result.map { value in .found(value.map { [Pair(key: key, value: $0)] } ?? []) }))
      }
      if let result = commands.tryGet(context, cf: "", key: key) { return found(result) }
      commands.get(context, cf: "", key: key, on: executor, found)
    case .put(let pair):
      commands.put(context, cf: "", key: pair.key, value: pair.value, ttl: 0, written)
    case .batchGet(let keys):
      commands.batchGet(context, cf: "", keys: keys, on: executor, read)
    case .batchPut(let pairs):
      commands.batchPut(
        context, cf: "", pairs: pairs.map { KeyValue(key: $0.key, value: $0.value) }, ttls: [],
        written)
    case .delete(let keys): commands.delete(context, cf: "", keys: keys, written)
    case .scan(let start, let end, let limit, let isReverse):
      let scan = RawScan(
        start: isReverse ? end : start, end: isReverse ? start : end, limit: limit,
        isReverse: isReverse)
      commands.scan(context, cf: "", scan, on: executor, read)
    case .compareAndSwap(let key, let expected, let value):
      let swap = RawSwap(key: key, expected: expected, replacement: value)
      let swapped: @Sendable (Result<RawSwap.Outcome, StorageError>) -> Void = { result in
        respond.value(
          RegionReply(
            result.map { .swapped(succeeded: $0.succeeded, previous: $0.previous) }))
      }
      commands.compareAndSwap(context, cf: "", swap, on: executor, swapped)
    case .deleteRange(let start, let end):
      commands.deleteRange(context, cf: "", start: start, end: end, written)
    }
  }
}

extension RegionReply {
  fileprivate init(_ result: Result<RegionReply, StorageError>) {
    switch result {
    case .success(let reply): self = reply
    case .failure(.region(let error)): self = .failed(.region(RegionErrorKind(error)))
    case .failure(let error): self = .failed(.other("\(error)"))
    }
  }
}
