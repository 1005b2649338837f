package import Codec
package import Engine
package import RaftLog

/// How a store learns its identity and its cluster, and bootstraps the cluster if no other store has: a
/// state machine of questions and responses, so that any driver of time and network can run it.
///
/// Every step can be interrupted by a crash and done again: the engine's part of a step is durable
/// before the log's, and what is prepared but not agreed upon is marked as such until it is.
package struct StoreBootstrap {
  /// What is to be done next.
  package enum Action: Sendable {
    case fetchClusterID
    case allocateID
    case fetchIsBootstrapped
    case bootstrap(StoreInfo, Region)
    /// Look up the region that holds a key.
    case fetchRegion(key: [UInt8])
    case putStore(StoreInfo)
    case wait(Duration)
    /// The store belongs to the cluster and may start.
    case done(StoreIdent, StoreInfo)
  }

  /// The result of the last action.
  package enum Event: Sendable {
    case start
    case clusterID(Result<UInt64, PDClientError>)
    case allocated(Result<UInt64, PDClientError>)
    case isBootstrapped(Result<Bool, PDClientError>)
    case bootstrapped(Result<Void, PDClientError>)
    case region(Result<Region?, PDClientError>)
    case storePut(Result<Void, PDClientError>)
    case waited
  }

  private enum Step {
    case clusterID, storeID, isBootstrapped, regionID, peerID, bootstrap, firstRegion, putStore
    case done
  }

  private let records: BootstrapRecords
  private var info: StoreInfo
  private var step = Step.clusterID
  private var tries = 0
  private var clusterID: UInt64 = 0
  private var ident = StoreIdent()
  private var regionID: UInt64 = 0
  private var prepared: Region?

  /// Failures of the placement driver that are borne before giving up, for each question.
  private static let maxTries = 60
  private static let longestWait = Duration.seconds(3)

  /// - Parameter info: the store's addresses, labels and version; its id is filled in.
  package init(info: StoreInfo, engine: any KVEngine, logs: any RaftLogStore) {
    self.info = info
    records = BootstrapRecords(engine: engine, logs: logs)
  }

  /// Takes the response to the last action and tells the next.
  package mutating func handle(_ event: Event) throws(StoreError) -> Action {
    switch event {
    case .start, .waited: return request
    case .clusterID(let result):
      guard let id = try value(result) else { return pause }
      clusterID = id
      return try identify()
    case .allocated(let result):
      guard let id = try value(result) else { return pause }
      return try allocated(id)
    case .isBootstrapped(let result):
      guard let isBootstrapped = try value(result) else { return pause }
      return go(to: isBootstrapped ? .putStore : .regionID)
    case .bootstrapped(let result):
      if case .failure(.alreadyBootstrapped) = result { return go(to: .firstRegion) }
      guard try value(result) != nil else { return pause }
      try records.clearPreparation()
      return go(to: .putStore)
    case .region(let result):
      guard let found = try value(result), let first = found else { return pause }
      try settle(first)
      return go(to: .putStore)
    case .storePut(let result):
      guard try value(result) != nil else { return pause }
      return go(to: .done)
    }
  }

  // MARK: Steps

  private var request: Action {
    switch step {
    case .clusterID: return .fetchClusterID
    case .storeID, .regionID, .peerID: return .allocateID
    case .isBootstrapped: return .fetchIsBootstrapped
    case .bootstrap:
      guard let prepared else { preconditionFailure("bootstrap without a prepared region") }
      return .bootstrap(info, prepared)
    case .firstRegion: return .fetchRegion(key: [])
    case .putStore: return .putStore(info)
    case .done: return .done(ident, info)
    }
  }

  private mutating func go(to next: Step) -> Action {
    step = next
    tries = 0
    return request
  }

  /// A failure that may pass: the same question again after a while, which grows.
  private var pause: Action {
    let wait = Duration.milliseconds(50) * (1 << min(tries, 6))
    return .wait(min(wait, Self.longestWait))
  }

  /// The response, or nil if the question is to be asked again.
  private mutating func value<T>(
    _ result: Result<T, PDClientError>
  ) throws(StoreError) -> T? {
    switch result {
    case .success(let value): return value
    case .failure(let error):
      if case .storeTombstone = error { throw .pd(error) }
      tries += 1
      if tries >= Self.maxTries { throw .pd(error) }
      return nil
    }
  }

  /// Compares what the disks say with the cluster the placement driver serves.
  private mutating func identify() throws(StoreError) -> Action {
    guard let found = try records.ident() else {
      try records.requireEmpty()
      return go(to: .storeID)
    }
    guard found.clusterID == clusterID, found.storeID != 0 else {
      throw .foreignData(
        path: records.path, found: found, expectedClusterID: clusterID)
    }
    ident = found
    info.id = found.storeID
    try records.bindLogs(found)
    return try resume()
  }

  private mutating func allocated(_ id: UInt64) throws(StoreError) -> Action {
    switch step {
    case .storeID:
      ident = StoreIdent(clusterID: clusterID, storeID: id)
      info.id = id
      try records.write(ident)
      return try resume()
    case .regionID:
      regionID = id
      return go(to: .peerID)
    default:
      let region = Region(
        id: regionID, epoch: .initial, peers: [PeerInfo(id: id, storeID: ident.storeID)])
      try records.prepare(region)
      prepared = region
      return go(to: .bootstrap)
    }
  }

  /// The store has its name. A region that was prepared by an earlier process is offered again.
  private mutating func resume() throws(StoreError) -> Action {
    guard let region = try records.preparedRegion() else { return go(to: .isBootstrapped) }
    try records.prepare(region)
    prepared = region
    return go(to: .bootstrap)
  }

  /// The cluster is bootstrapped: by an earlier process of this store, or by another store.
  private mutating func settle(_ first: Region) throws(StoreError) {
    guard let prepared else { return }
    if first.id == prepared.id {
      try records.clearPreparation()
    } else {
      try records.undo(prepared)
    }
    self.prepared = nil
  }
}
