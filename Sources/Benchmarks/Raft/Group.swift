import Raft

/// Three members in memory, driven as the raft store drives them: asynchronous storage writes, with
/// a disk and a state machine that are instant.
struct Group {
  private var nodes: [RawNode<MemoryStorage>] = []
  private(set) var applied = 0

  init() throws(RaftError) {
    for id: UInt64 in 1...3 {
      var config = Config(id: id)
      config.asyncStorageWrites = true
      config.maxSizePerMessage = 1 << 20
      config.maxCommittedSizePerReady = 16 << 20
      config.skipBroadcastCommit = true
      config.checkQuorum = true
      config.preVote = true
      nodes.append(
        try RawNode(
          config: config, storage: MemoryStorage(confState: ConfState(voters: [1, 2, 3]))))
    }
    try nodes[0].campaign()
    try settle()
  }

  var isLed: Bool { nodes[0].isLeader }

  /// One round: proposals on the leader, until there is nothing more to do anywhere.
  mutating func round(_ batch: [[UInt8]]) throws(RaftError) {
    try nodes[0].propose(batch)
    try settle()
  }

  /// Keeps memory bounded, as log compaction does.
  mutating func compact() throws(RaftError) {
    for node in nodes {
      do { try node.storage.compact(to: node.applied) } catch { throw .storage(error) }
    }
  }

  private mutating func settle() throws(RaftError) {
    var isBusy = true
    while isBusy {
      isBusy = false
      for place in nodes.indices where nodes[place].hasReady {
        isBusy = true
        let ready = try nodes[place].ready()
        for message in ready.messages { try perform(message, at: place) }
      }
    }
  }

  private mutating func perform(_ message: Message, at place: Int) throws(RaftError) {
    switch message.type {
    case .storageAppend:
      let storage = nodes[place].storage
      let state = HardState(term: message.term, vote: message.vote, commit: message.commit)
      if !state.isEmpty { storage.setHardState(state) }
      do { try storage.append(message.entries) } catch { throw .storage(error) }
      for response in message.responses { try nodes[Int(response.to) - 1].step(response) }
    case .storageApply:
      applied += message.entries.count
      for response in message.responses { try nodes[Int(response.to) - 1].step(response) }
    default:
      try nodes[Int(message.to) - 1].step(message)
    }
  }
}
