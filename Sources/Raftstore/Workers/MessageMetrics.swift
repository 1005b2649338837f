import Runtime

/// Proposals by kind.
struct ProposalMetrics: Sendable {
  let all: Counter
  let normal: Counter
  let batched: Counter
  let readIndex: Counter
  let localRead: Counter
  let confChange: Counter
  let transferLeader: Counter
  let split: Counter
  let prepareMerge: Counter
  let commitMerge: Counter

  init(_ metrics: Metrics) {
    func counter(_ kind: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_proposal_total", "Proposals by kind", labels: [("type", kind)])
    }
    all = counter("all")
    normal = counter("normal")
    batched = counter("batch")
    readIndex = counter("read_index")
    localRead = counter("local_read")
    confChange = counter("conf_change")
    transferLeader = counter("transfer_leader")
    split = counter("split")
    prepareMerge = counter("prepare_merge")
    commitMerge = counter("commit_merge")
  }
}

/// Raft messages that were dropped, by reason.
struct DroppedMessageMetrics: Sendable {
  let wrongStore: Counter
  let stale: Counter
  let overlap: Counter
  let noVote: Counter
  let noPeer: Counter
  let invalid: Counter
  let tooManyPeers: Counter

  init(_ metrics: Metrics) {
    func counter(_ reason: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped, by reason",
        labels: [("type", reason)])
    }
    wrongStore = counter("mismatch_store_id")
    stale = counter("stale_msg")
    overlap = counter("region_overlap")
    noVote = counter("vote_after_start")
    noPeer = counter("region_nonexistent")
    invalid = counter("invalid")
    tooManyPeers = counter("too_many_uninitialized")
  }
}
