import Codec
import Raft
import Runtime

// Messages that say that this peer was removed. What another store says is no reason to give up data: only
// the placement driver's word is, by a later membership than this peer knows. Until then nothing changes.
extension Peer {
  /// Whether others may count on what this peer has.
  var hasPromises: Bool { isInitialized || recovery != nil }

  /// A message says that this peer is not a member any more. A peer without data goes at once: should it be
  /// one after all, the next message makes it again.
  func removedByMessage(_ reason: String) {
    guard hasPromises else { return destroy(reason) }
    context.metrics.removalsSuspected.increment()
    suspectRemoval(reason)
  }

  /// Has the placement driver say whether this peer is still a member.
  func suspectRemoval(_ reason: String) {
    let interval = context.config.stalePeers.membershipCheckInterval
    guard staleness.suspect(reason, at: context.now, interval: interval) else { return }
    context.logger.info(
      "region \(regionID): peer \(info.id): \(reason); the placement driver is asked")
    checkMembership()
  }

  /// Asks again where no response came.
  func tickSuspicion() {
    let interval = context.config.stalePeers.membershipCheckInterval
    if staleness.repeatQuestion(at: context.now, interval: interval) { checkMembership() }
  }

  /// Asks the placement driver; `membershipChecked` gets the response, if one comes.
  func checkMembership() {
    staleness.noteMembershipCheck(context.now)
    var known = region
    if !isInitialized { known.epoch = activity.remoteEpoch }
    context.router.sendToStore(.checkMembership(region: known, peerID: info.id))
  }

  /// The placement driver's word on whether this peer is still a member.
  func membershipChecked(_ status: MembershipStatus) {
    if isFenced, status == .removed { return destroy("it is damaged, and it was removed") }
    guard lifecycle == .active, status != .unavailable else { return }
    let suspicion = staleness.takeSuspicion()
    if !hasPromises {
      guard incomingSnapshot == nil else { return }
      let isGone =
        switch status {
        case .removed, .unknownRegion: true
        case .unlisted: suspicion != nil
        case .member, .unavailable: false
        }
      if isGone { destroy("the placement driver does not know it") }
      return
    }
    if let suspicion {
      if status == .removed {
        destroy("\(suspicion.reason), and the placement driver confirms it")
      } else {
        context.metrics.removalsRefuted.increment()
        context.logger.warning(
          "region \(regionID): peer \(info.id) stays, its removal is not confirmed",
          metadata: ["reason": "\(suspicion.reason)", "pd": "\(status)"])
      }
      return
    }
    guard status == .removed, !node.isLeader, let since = unledSince,
      context.now - since >= context.config.stalePeers.abnormalLeaderMissing
    else { return }
    destroy("it is unknown to the placement driver")
  }
}
