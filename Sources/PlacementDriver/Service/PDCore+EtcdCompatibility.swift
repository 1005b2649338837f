import Codec
package import Wire

// Services of others that clients look for on the placement driver's port.
extension PDCore {
  /// `etcdserverpb.Cluster/MemberList`.
  package func memberList(
    _ request: Etcdserverpb_MemberListRequest, _ reading: ClockReading
  ) throws(PDError) -> Etcdserverpb_MemberListResponse {
    var member = Etcdserverpb_Member()
    member.id = memberID
    member.name = config.memberName
    member.peerUrls = config.advertiseClientURLs
    member.clientUrls = config.advertiseClientURLs
    var response = Etcdserverpb_MemberListResponse()
    response.header = etcdHeader
    response.members = [member]
    return response
  }

  /// `etcdserverpb.KV/Range`: the one key clients ask for is where transactions are barred, as
  /// decimal text; everything else is not there.
  package func etcdRange(
    _ request: Etcdserverpb_RangeRequest, _ reading: ClockReading
  ) throws(PDError) -> Etcdserverpb_RangeResponse {
    var response = Etcdserverpb_RangeResponse()
    response.header = etcdHeader
    let isAsked =
      [UInt8](request.key) == Self.savedSafePointKey && request.rangeEnd.isEmpty
    guard isAsked, safePoints.txnSafePoint > 0 else { return response }
    response.count = 1
    guard !request.countOnly else { return response }
    var pair = Mvccpb_KeyValue()
    pair.key = request.key
    if !request.keysOnly { pair.value = Array(String(safePoints.txnSafePoint).utf8).data }
    pair.createRevision = 1
    pair.modRevision = 1
    pair.version = 1
    response.kvs = [pair]
    return response
  }

  /// `meta_storagepb.MetaStorage/Get`: no router of its own, so nothing is registered.
  package func metaStorageGet(
    _ request: MetaStoragepb_GetRequest, _ reading: ClockReading
  ) throws(PDError) -> MetaStoragepb_GetResponse {
    var response = MetaStoragepb_GetResponse()
    response.header.clusterID = clusterID
    response.header.revision = 1
    return response
  }

  /// `keyspacepb.Keyspace/LoadKeyspace`: there is the default one only.
  package func loadKeyspace(
    _ request: Keyspacepb_LoadKeyspaceRequest, _ reading: ClockReading
  ) throws(PDError) -> Keyspacepb_LoadKeyspaceResponse {
    try answer(request) { (response) throws(PDError) in
      guard request.name == "DEFAULT" else {
        throw PDError(header: .entryNotFound, "keyspace \(request.name) does not exist")
      }
      response.keyspace.id = 0
      response.keyspace.name = request.name
      response.keyspace.state = .enabled
    }
  }

  private static let savedSafePointKey = Array("/tidb/store/gcworker/saved_safe_point".utf8)

  private var etcdHeader: Etcdserverpb_ResponseHeader {
    var header = Etcdserverpb_ResponseHeader()
    header.clusterID = clusterID
    header.memberID = memberID
    header.revision = 1
    header.raftTerm = 1
    return header
  }
}
