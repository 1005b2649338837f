import PlacementDriver

/// The placement driver as a member of its cluster.
struct MemberPage: Encodable {
  var name: String
  var memberID: UInt64
  var peerURLs: [String]
  var clientURLs: [String]
  var binaryVersion: String

  enum CodingKeys: String, CodingKey {
    case name
    case memberID = "member_id"
    case peerURLs = "peer_urls"
    case clientURLs = "client_urls"
    case binaryVersion = "binary_version"
  }

  init(_ summary: PDSummary) {
    name = summary.config.memberName
    memberID = summary.memberID
    peerURLs = summary.config.advertiseClientURLs
    clientURLs = summary.config.advertiseClientURLs
    binaryVersion = summary.version
  }
}

/// All members: the one there is, which also leads.
struct MembersPage: Encodable {
  struct Header: Encodable {
    var clusterID: UInt64

    enum CodingKeys: String, CodingKey { case clusterID = "cluster_id" }
  }

  var header: Header
  var members: [MemberPage]
  var leader: MemberPage
  var etcdLeader: MemberPage

  enum CodingKeys: String, CodingKey {
    case header, members, leader
    case etcdLeader = "etcd_leader"
  }

  init(_ summary: PDSummary) {
    let member = MemberPage(summary)
    header = Header(clusterID: summary.clusterID)
    members = [member]
    leader = member
    etcdLeader = member
  }
}

/// Whether a member is well.
struct HealthPage: Encodable {
  var name: String
  var memberID: UInt64
  var clientURLs: [String]
  var health = true

  enum CodingKeys: String, CodingKey {
    case name, health
    case memberID = "member_id"
    case clientURLs = "client_urls"
  }

  init(_ summary: PDSummary) {
    name = summary.config.memberName
    memberID = summary.memberID
    clientURLs = summary.config.advertiseClientURLs
  }
}

/// How regions are scheduled, under PD's names. What is not done here has the limit 0 or is off.
struct ScheduleConfigPage: Encodable {
  var object: JSONObject

  init(_ config: PDConfig) {
    object = JSONObject([
      ("leader-schedule-limit", config.leaderScheduleLimit),
      ("leader-schedule-policy", "count"),
      ("region-schedule-limit", config.balanceScheduleLimit),
      ("replica-schedule-limit", config.replicaScheduleLimit),
      ("merge-schedule-limit", 0),
      ("hot-region-schedule-limit", 0),
      ("max-store-down-time", PDJSON.duration(config.maxStoreDownTime)),
      ("enable-joint-consensus", "false"),
      ("enable-cross-table-merge", "false"),
      ("enable-remove-down-replica", "true"),
      ("enable-replace-offline-replica", "true"),
      ("enable-make-up-replica", "true"),
      ("enable-remove-extra-replica", "true"),
      ("enable-location-replacement", "false"),
    ])
  }

  func encode(to encoder: any Encoder) throws { try object.encode(to: encoder) }
}

/// How regions are replicated, under PD's names.
struct ReplicationConfigPage: Encodable {
  var object: JSONObject

  init(_ summary: PDSummary) {
    object = JSONObject([
      ("max-replicas", summary.maxReplicas),
      ("location-labels", ""),
      ("strictly-match-label", "false"),
      ("enable-placement-rules", "false"),
      ("enable-placement-rules-cache", "false"),
      ("isolation-level", ""),
    ])
  }

  func encode(to encoder: any Encoder) throws { try object.encode(to: encoder) }
}

/// The whole configuration, as far as there is one.
struct ConfigPage: Encodable {
  var object: JSONObject

  init(_ summary: PDSummary) {
    let urls = summary.config.advertiseClientURLs.joined(separator: ",")
    object = JSONObject([
      ("client-urls", urls),
      ("advertise-client-urls", urls),
      ("name", summary.config.memberName),
      ("cluster-version", summary.version),
      ("schedule", ScheduleConfigPage(summary.config)),
      ("replication", ReplicationConfigPage(summary)),
    ])
  }

  func encode(to encoder: any Encoder) throws { try object.encode(to: encoder) }
}

/// Versions that may be collected.
struct SafePointsPage: Encodable {
  struct Service: Encodable {
    var id: String
    var expiresAt: Int64
    var safePoint: UInt64

    enum CodingKeys: String, CodingKey {
      case id = "service_id"
      case expiresAt = "expired_at"
      case safePoint = "safe_point"
    }
  }

  var services: [Service]
  var gcSafePoint: UInt64

  enum CodingKeys: String, CodingKey {
    case services = "service_gc_safe_points"
    case gcSafePoint = "gc_safe_point"
  }

  init(_ summary: SafePointSummary) {
    gcSafePoint = summary.gcSafePoint
    services = summary.services.map {
      Service(
        id: String(decoding: $0.id, as: UTF8.self), expiresAt: $0.expiresAt, safePoint: $0.safePoint
      )
    }
  }
}
