import Codec
import PlacementDriver
import Runtime
import Wire

// Methods of other services that clients call on PD's port.
extension PDMethods {
  /// `etcdserverpb.Cluster/MemberList`.
  static func memberList(
    _ core: PDCore, _ request: Etcdserverpb_MemberListRequest, _ reading: ClockReading
  ) throws(PDError) -> Etcdserverpb_MemberListResponse {
    var member = Etcdserverpb_Member()
    member.id = core.memberID
    member.name = core.config.memberName
    member.peerUrls = core.config.advertiseClientURLs
    member.clientUrls = core.config.advertiseClientURLs
    var response = Etcdserverpb_MemberListResponse()
    response.header = etcdHeader(core)
    response.members = [member]
    return response
  }

  /// `etcdserverpb.KV/Range`: the one key that clients read holds the transaction safe point, as decimal text. No
  /// other key exists.
  static func etcdRange(
    _ core: PDCore, _ request: Etcdserverpb_RangeRequest, _ reading: ClockReading
  ) throws(PDError) -> Etcdserverpb_RangeResponse {
    var response = Etcdserverpb_RangeResponse()
    response.header = etcdHeader(core)
    let safePoint = core.safePointSummary.txnSafePoint
    guard [UInt8](request.key) == savedSafePointKey, request.rangeEnd.isEmpty, safePoint > 0
    else { return response }
    response.count = 1
    guard !request.countOnly else { return response }
    var pair = Mvccpb_KeyValue()
    pair.key = request.key
    if !request.keysOnly { pair.value = Array(String(safePoint).utf8).data }
    pair.createRevision = 1
    pair.modRevision = 1
    pair.version = 1
    response.kvs = [pair]
    return response
  }

  /// `meta_storagepb.MetaStorage/Get`: PD runs no router, so none is registered.
  static func metaStorageGet(
    _ core: PDCore, _ request: MetaStoragepb_GetRequest, _ reading: ClockReading
  ) throws(PDError) -> MetaStoragepb_GetResponse {
    var response = MetaStoragepb_GetResponse()
    response.header.clusterID = core.clusterID
    response.header.revision = 1
    return response
  }

  /// `keyspacepb.Keyspace/LoadKeyspace`: only the default keyspace exists.
  static func loadKeyspace(
    _ core: PDCore, _ request: Keyspacepb_LoadKeyspaceRequest, _ reading: ClockReading
  ) throws(PDError) -> Keyspacepb_LoadKeyspaceResponse {
    try respond(core, request) { (response) throws(PDError) in
      try core.requireBootstrapped()
      guard request.name == "DEFAULT" else {
        throw PDError(refusal: .entryNotFound, "keyspace \(request.name) does not exist")
      }
      response.keyspace.id = 0
      response.keyspace.name = request.name
      response.keyspace.state = .enabled
    }
  }

  private static let savedSafePointKey = Array("/tidb/store/gcworker/saved_safe_point".utf8)

  private static func etcdHeader(_ core: PDCore) -> Etcdserverpb_ResponseHeader {
    var header = Etcdserverpb_ResponseHeader()
    header.clusterID = core.clusterID
    header.memberID = core.memberID
    header.revision = 1
    header.raftTerm = 1
    return header
  }
}
