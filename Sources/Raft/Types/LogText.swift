// The text of values in the core's log lines. It is etcd's: the traces of its tests compare it.

extension UInt64 {
  var hex: String { String(self, radix: 16) }
}

extension MessageType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .hup: "MsgHup"
    case .beat: "MsgBeat"
    case .propose: "MsgProp"
    case .append: "MsgApp"
    case .appendResponse: "MsgAppResp"
    case .vote: "MsgVote"
    case .voteResponse: "MsgVoteResp"
    case .snapshot: "MsgSnap"
    case .heartbeat: "MsgHeartbeat"
    case .heartbeatResponse: "MsgHeartbeatResp"
    case .unreachable: "MsgUnreachable"
    case .snapshotStatus: "MsgSnapStatus"
    case .checkQuorum: "MsgCheckQuorum"
    case .transferLeader: "MsgTransferLeader"
    case .timeoutNow: "MsgTimeoutNow"
    case .readIndex: "MsgReadIndex"
    case .readIndexResponse: "MsgReadIndexResp"
    case .preVote: "MsgPreVote"
    case .preVoteResponse: "MsgPreVoteResp"
    case .storageAppend: "MsgStorageAppend"
    case .storageAppendResponse: "MsgStorageAppendResp"
    case .storageApply: "MsgStorageApply"
    case .storageApplyResponse: "MsgStorageApplyResp"
    case .forgetLeader: "MsgForgetLeader"
    }
  }
}

extension Role: CustomStringConvertible {
  package var description: String {
    switch self {
    case .follower: "StateFollower"
    case .candidate: "StateCandidate"
    case .leader: "StateLeader"
    case .preCandidate: "StatePreCandidate"
    }
  }
}

extension ProgressState: CustomStringConvertible {
  package var description: String {
    switch self {
    case .probe: "StateProbe"
    case .replicate: "StateReplicate"
    case .snapshot: "StateSnapshot"
    }
  }
}

extension Progress: CustomStringConvertible {
  package var description: String {
    var text = "\(state) match=\(match) next=\(next)"
    if isLearner { text += " learner" }
    if isPaused { text += " paused" }
    if pendingSnapshot > 0 { text += " pendingSnap=\(pendingSnapshot)" }
    if !recentActive { text += " inactive" }
    if inflights.count > 0 {
      text += " inflight=\(inflights.count)"
      if inflights.isFull { text += "[full]" }
    }
    return text
  }
}

extension IDSet: CustomStringConvertible {
  package var description: String {
    "(" + ids.map(\.hex).joined(separator: " ") + ")"
  }
}

extension JointConfig: CustomStringConvertible {
  package var description: String {
    outgoing.isEmpty ? incoming.description : "\(incoming)&&\(outgoing)"
  }
}

extension TrackerConfig: CustomStringConvertible {
  package var description: String {
    var text = "voters=\(voters)"
    if !learners.isEmpty { text += " learners=\(learners)" }
    if !learnersNext.isEmpty { text += " learners_next=\(learnersNext)" }
    if autoLeave { text += " autoleave" }
    return text
  }
}

extension ConfState: CustomStringConvertible {
  package var description: String {
    func list(_ ids: [UInt64]) -> String {
      "[" + ids.map(String.init).joined(separator: " ") + "]"
    }
    return "Voters:\(list(voters)) VotersOutgoing:\(list(votersOutgoing)) "
      + "Learners:\(list(learners)) LearnersNext:\(list(learnersNext)) AutoLeave:\(autoLeave)"
  }
}

extension ConfChangeType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .addNode: "ConfChangeAddNode"
    case .removeNode: "ConfChangeRemoveNode"
    case .updateNode: "ConfChangeUpdateNode"
    case .addLearnerNode: "ConfChangeAddLearnerNode"
    }
  }
}

extension ConfChangeTransition: CustomStringConvertible {
  package var description: String {
    switch self {
    case .auto: "ConfChangeTransitionAuto"
    case .jointImplicit: "ConfChangeTransitionJointImplicit"
    case .jointExplicit: "ConfChangeTransitionJointExplicit"
    }
  }
}

extension ConfChangeV2: CustomStringConvertible {
  package var description: String {
    var text = "transition:\(transition)"
    for change in changes {
      text += " changes:{type:\(change.type) node_id:\(change.nodeID)}"
    }
    if !context.isEmpty { text += " context:\(QuotedBytes(context))" }
    return text
  }
}
