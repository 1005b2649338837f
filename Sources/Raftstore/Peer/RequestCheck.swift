import Codec
import Protobuf

/// Checks of a request before it is proposed or served. The page *Errors and limits* has their order.
struct RequestCheck {
  /// Which parts of the epoch a command was made for must still hold.
  struct EpochParts: OptionSet {
    let rawValue: Int
    static let version = EpochParts(rawValue: 1)
    static let confVersion = EpochParts(rawValue: 2)
  }

  /// The parts that each kind of command depends on. TiKV: `AdminCmdEpochState`. Reads and writes of data depend on the
  /// range alone.
  static func parts(of command: AdminCommand) -> EpochParts {
    switch command {
    case .changePeer, .changePeerV2: .confVersion
    case .batchSplit: [.version, .confVersion]
    case .prepareMerge, .commitMerge, .rollbackMerge: [.version, .confVersion]
    case .transferLeader, .compactLog, .computeHash, .verifyHash: []
    }
  }

  /// Which parts of the epoch a command changes when it is applied.
  static func changes(of command: AdminCommand) -> EpochParts {
    switch command {
    case .changePeer, .changePeerV2: .confVersion
    case .batchSplit: .version
    case .prepareMerge: [.version, .confVersion]
    case .commitMerge, .rollbackMerge: .version
    case .transferLeader, .compactLog, .computeHash, .verifyHash: []
    }
  }

  /// `storeNotMatch` for a request to another store than `storeID`.
  static func store(of context: RequestContext, is storeID: UInt64) -> RegionError? {
    if context.peer.storeID == storeID { return nil }
    return .storeNotMatch(requestStoreID: context.peer.storeID, actualStoreID: storeID)
  }

  /// `mismatchPeerID` for a request to another peer than `peerID`.
  static func peer(of context: RequestContext, is peerID: UInt64) -> RegionError? {
    if context.peer.id == peerID { return nil }
    return .mismatchPeerID(requestPeerID: context.peer.id, storePeerID: peerID)
  }

  /// `staleCommand` for a request of a term before the last one. 0 means no term and passes.
  static func term(of context: RequestContext, at current: UInt64) -> RegionError? {
    let term = context.term
    return term != 0 && current > term && current - term > 1 ? .staleCommand : nil
  }

  static func epoch(
    _ epoch: RegionEpoch, _ parts: EpochParts, of region: Region
  ) -> RegionError? {
    if parts.contains(.version), epoch.version != region.epoch.version {
      return .epochNotMatch(currentRegions: [region])
    }
    if parts.contains(.confVersion), epoch.confVersion != region.epoch.confVersion {
      return .epochNotMatch(currentRegions: [region])
    }
    return nil
  }

  /// The first change outside the region, as an error.
  static func keys(of requests: RequestList, in region: Region) -> RegionError? {
    if region.startKey.isEmpty && region.endKey.isEmpty { return nil }
    var check = KeyCheck(region: region)
    do throws(CodecError) {
      try CommandCodec.visit(requests, &check)
    } catch {
      return .other(message: "malformed request: \(error)")
    }
    return check.error
  }

  /// Whether a write adds data; deletes free space.
  static func needsSpace(_ requests: RequestList) -> Bool {
    var check = PutCheck()
    do throws(CodecError) {
      try CommandCodec.visit(requests, &check)
    } catch {
      return true
    }
    return check.hasPuts
  }
}

/// Looks for a put.
private struct PutCheck: CommandVisitor {
  var hasPuts = false

  mutating func begin(_ header: CommandHeader) -> Bool { true }
  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) { hasPuts = true }
  mutating func delete(_ cf: DataCF, _ key: RawSpan) {}
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {}
  mutating func admin(_ command: AdminCommand) {}
}

/// Looks for a key outside a region.
private struct KeyCheck: CommandVisitor {
  let region: Region
  var error: RegionError?

  mutating func begin(_ header: CommandHeader) -> Bool { true }

  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) { check(key) }

  mutating func delete(_ cf: DataCF, _ key: RawSpan) { check(key) }

  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {
    guard error == nil else { return }
    let range = KeyRange(start: Array(start), end: Array(end))
    if !region.range.contains(range) { refuse(range.start) }
  }

  mutating func admin(_ command: AdminCommand) {}

  private mutating func check(_ key: RawSpan) {
    guard error == nil else { return }
    let isInside = key.withUnsafeBytes { key in
      !key.lexicographicallyPrecedes(region.startKey)
        && (region.endKey.isEmpty || key.lexicographicallyPrecedes(region.endKey))
    }
    if !isInside { refuse(Array(key)) }
  }

  private mutating func refuse(_ key: [UInt8]) {
    error = .keyNotInRegion(
      key: key, regionID: region.id, start: region.startKey, end: region.endKey)
  }
}

extension Array where Element == UInt8 {
  /// A copy of borrowed bytes.
  fileprivate init(_ span: RawSpan) {
    self = span.withUnsafeBytes { [UInt8]($0) }
  }
}
