package import Codec

/// The effect of the steps of a merge on the regions, as pure functions: the same on every replica.
///
/// Versions are counted so that a key's region has a higher version than every region that had the key before:
/// preparing counts one change of the range and one of the membership of the source (that is, changes of the
/// membership that were decided before become stale), a rollback counts one change of the range, and the target has
/// one more than the higher of both in the end.
package enum MergePlan {
  /// Why a merge cannot be done; nothing was changed.
  package struct Refusal: Error, Hashable, Sendable {
    package var reason: String
  }

  /// The source once its merge is prepared.
  static func prepared(_ source: Region, for target: Region) throws(Refusal) -> Region {
    try check(source, target)
    return try counting(source, version: 1, confVersion: 1)
  }

  /// The source once its merge is rolled back.
  static func rolledBack(_ source: Region) throws(Refusal) -> Region {
    try counting(source, version: 1, confVersion: 0)
  }

  /// The target once it has the range of the source.
  package static func merged(_ source: Region, into target: Region) throws(Refusal) -> Region {
    try check(source, target)
    var region = target
    region.epoch.version = max(source.epoch.version, target.epoch.version)
    region = try counting(region, version: 1, confVersion: 0)
    if source.endKey == target.startKey, !source.endKey.isEmpty {
      region.startKey = source.startKey
    } else {
      region.endKey = source.endKey
    }
    return region
  }

  /// The regions are neighbors, on the same stores, in the same roles.
  private static func check(_ source: Region, _ target: Region) throws(Refusal) {
    if let problem = EnvelopeCheck.problem(of: source) ?? EnvelopeCheck.problem(of: target) {
      throw Refusal(reason: problem)
    }
    guard source.id != target.id else {
      throw Refusal(reason: "region \(source.id) cannot be merged into itself")
    }
    let isLeft = !source.endKey.isEmpty && source.endKey == target.startKey
    let isRight = !target.endKey.isEmpty && target.endKey == source.startKey
    guard isLeft != isRight else {
      throw Refusal(reason: "\(source) and \(target) are not neighbors")
    }
    if source.isJoint || target.isJoint {
      throw Refusal(reason: "\(source.isJoint ? source : target) is in a joint configuration")
    }
    guard source.peers.count == target.peers.count else {
      throw Refusal(reason: "\(source) and \(target) are not on the same stores")
    }
    for peer in source.peers {
      guard let other = target.peer(onStore: peer.storeID), other.role == peer.role,
        other.isWitness == peer.isWitness
      else {
        throw Refusal(
          reason: "the peers of \(source) and \(target) on store \(peer.storeID) differ in role")
      }
    }
  }

  private static func counting(
    _ region: Region, version: UInt64, confVersion: UInt64
  ) throws(Refusal) -> Region {
    var region = region
    guard region.epoch.version + version < EnvelopeCheck.maxEpoch,
      region.epoch.confVersion + confVersion < EnvelopeCheck.maxEpoch
    else { throw Refusal(reason: "the versions of \(region) are used up") }
    region.epoch.version += version
    region.epoch.confVersion += confVersion
    return region
  }
}
