/// What a client knows of the region that a request is for: `kvrpcpb.Context`.
package struct RequestContext: Sendable, Hashable {
  /// Numbers are `kvrpcpb.CommandPri`'s.
  package enum Priority: Int, Sendable, Hashable, CaseIterable {
    case normal = 0
    case low = 1
    case high = 2
  }

  /// Numbers are `kvrpcpb.APIVersion`'s.
  package enum APIVersion: Int, Sendable, Hashable, CaseIterable {
    case v1 = 0
    case v1TTL = 1
    case v2 = 2
    case v3 = 3
  }

  package var regionID: UInt64
  package var epoch: RegionEpoch
  /// The zero peer when the client named none.
  package var peer: PeerInfo
  /// 0 when the client does not know it.
  package var term: UInt64
  package var priority: Priority
  package var replicaRead: Bool
  package var staleRead: Bool
  /// The timestamp of a stale read: it must see what was committed before. 0: any state of the replica will do, as for
  /// raw requests, which have no timestamp. Not part of `kvrpcpb.Context`: each request has it in a field of its own.
  package var readTS: UInt64 = 0
  package var syncLog: Bool
  /// 0 when the client does not say.
  package var clusterID: UInt64
  /// 0 means no deadline.
  package var maxExecutionMs: UInt64
  package var requestSource: String
  package var apiVersion: APIVersion

  package init(
    regionID: UInt64 = 0, epoch: RegionEpoch = RegionEpoch(), peer: PeerInfo = PeerInfo(),
    term: UInt64 = 0, priority: Priority = .normal, replicaRead: Bool = false,
    staleRead: Bool = false, syncLog: Bool = false, clusterID: UInt64 = 0,
    maxExecutionMs: UInt64 = 0, requestSource: String = "", apiVersion: APIVersion = .v1
  ) {
    self.regionID = regionID
    self.epoch = epoch
    self.peer = peer
    self.term = term
    self.priority = priority
    self.replicaRead = replicaRead
    self.staleRead = staleRead
    self.syncLog = syncLog
    self.clusterID = clusterID
    self.maxExecutionMs = maxExecutionMs
    self.requestSource = requestSource
    self.apiVersion = apiVersion
  }
}
