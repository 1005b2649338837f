package import Protobuf
package import Wire

extension RequestContext {
  /// The context of a request. A priority that is not known is a hint not taken; an
  /// unknown API version would change what keys mean and is refused.
  package init(_ wire: Kvrpcpb_Context) throws(CodecError) {
    guard let apiVersion = APIVersion(rawValue: wire.apiVersion.rawValue) else {
      throw CodecError(
        .unknownNumber(UInt64(bitPattern: Int64(wire.apiVersion.rawValue))), "API version")
    }
    self.init(
      regionID: wire.regionID, epoch: RegionEpoch(wire.regionEpoch), peer: try PeerInfo(wire.peer),
      term: wire.term, priority: Priority(rawValue: wire.priority.rawValue) ?? .normal,
      replicaRead: wire.replicaRead,
      staleRead: wire.staleRead, clusterID: wire.clusterID,
      maxExecutionMs: wire.maxExecutionDurationMs, requestSource: wire.requestSource,
      apiVersion: apiVersion)
  }

  /// For requests of our own client.
  package var wire: Kvrpcpb_Context {
    var wire = Kvrpcpb_Context()
    wire.regionID = regionID
    wire.regionEpoch = epoch.wire
    wire.peer = peer.wire
    wire.term = term
    wire.priority = Kvrpcpb_CommandPri(rawValue: priority.rawValue) ?? .normal
    wire.replicaRead = replicaRead
    wire.staleRead = staleRead
    wire.clusterID = clusterID
    wire.maxExecutionDurationMs = maxExecutionMs
    wire.requestSource = requestSource
    wire.apiVersion = Kvrpcpb_APIVersion(rawValue: apiVersion.rawValue) ?? .v1
    return wire
  }
}
