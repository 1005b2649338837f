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

  init(_ settings: [(setting: PDSetting, value: PDSetting.Value)]) {
    object = JSONObject(
      settings.members(.schedule) + [
        ("leader-schedule-policy", "count"),
        ("merge-schedule-limit", 0),
        ("hot-region-schedule-limit", 0),
        ("region-score-formula-version", "v2"),
        ("store-limit-version", "v1"),
        ("enable-joint-consensus", "false"),
        ("enable-cross-table-merge", "false"),
      ])
  }

  func encode(to encoder: any Encoder) throws { try object.encode(to: encoder) }
}

/// How regions are replicated, under PD's names.
struct ReplicationConfigPage: Encodable {
  var object: JSONObject

  init(_ settings: [(setting: PDSetting, value: PDSetting.Value)]) {
    object = JSONObject(
      settings.members(.replication) + [
        ("strictly-match-label", "false"),
        ("enable-placement-rules", "false"),
        ("enable-placement-rules-cache", "false"),
      ])
  }

  func encode(to encoder: any Encoder) throws { try object.encode(to: encoder) }
}

extension [(setting: PDSetting, value: PDSetting.Value)] {
  /// The settings of a section as PD writes them: switches are text there.
  fileprivate func members(
    _ section: PDSetting.Section
  ) -> [(String, any Encodable & Sendable)] {
    filter { $0.setting.section == section }.map { setting, value in
      let written: any Encodable & Sendable =
        switch value {
        case .integer(let integer): integer
        case .number(let number): number
        case .flag(let flag): "\(flag)"
        case .text(let text): text
        case .duration(let duration): PDJSON.duration(duration)
        }
      return (setting.name, written)
    }
  }
}

/// The whole configuration, as far as there is one.
struct ConfigPage: Encodable {
  var object: JSONObject

  init(_ summary: PDSummary, _ settings: [(setting: PDSetting, value: PDSetting.Value)]) {
    let urls = summary.config.advertiseClientURLs.joined(separator: ",")
    object = JSONObject([
      ("client-urls", urls),
      ("advertise-client-urls", urls),
      ("name", summary.config.memberName),
      ("cluster-version", summary.version),
      ("schedule", ScheduleConfigPage(settings)),
      ("replication", ReplicationConfigPage(settings)),
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
