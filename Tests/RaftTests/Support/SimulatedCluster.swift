import Runtime

@testable import Raft

/// A cluster of nodes in asynchronous mode over an unreliable network, on virtual time: messages
/// are lost and delayed, nodes stop, restart from what they stored, and pause.
final class SimulatedCluster {
  final class Member {
    var raw: RawNode<MemoryStorage>
    var config: Config
    var isUp = true
    var isPaused = false
    var inbox: [Message] = []
    var appendWork: [Message] = []
    var applyWork: [Message] = []
    /// The normal entries that were applied, in order; they survive a restart like a state machine.
    var applied: [[UInt8]] = []
    var appliedIndex: UInt64 = 0

    init(_ config: Config, _ storage: MemoryStorage) throws {
      self.config = config
      raw = try RawNode(config: config, storage: storage)
    }
  }

  private struct MessageInFlight {
    var due: Int
    var message: Message
  }

  private(set) var members: [Member] = []
  private var random: SplitMix64
  private var messagesInFlight: [MessageInFlight] = []
  private var now = 0
  /// Of a thousand messages, how many are lost.
  var lossPerMille = 0
  var maxDelay = 1

  init(_ count: Int, seed: UInt64, _ adjust: (inout Config) -> Void = { _ in }) throws {
    random = SplitMix64(seed: seed)
    let voters = (1...UInt64(count)).map { $0 }
    for id in voters {
      var config = Config(id: id)
      config.seed = seed
      config.asyncStorageWrites = true
      adjust(&config)
      members.append(try Member(config, MemoryStorage(confState: ConfState(voters: voters))))
    }
  }

  subscript(id: UInt64) -> Member { members[Int(id) - 1] }

  var leader: Member? {
    members.filter { $0.isUp && !$0.isPaused && $0.raw.isLeader }
      .max { $0.raw.term < $1.raw.term }
  }

  func stop(_ id: UInt64) {
    let member = self[id]
    member.isUp = false
    // What was not written is lost with the process.
    member.inbox = []
    member.appendWork = []
    member.applyWork = []
  }

  func restart(_ id: UInt64) throws {
    let member = self[id]
    var config = member.config
    config.applied = member.appliedIndex
    member.raw = try RawNode(config: config, storage: member.raw.storage)
    member.isUp = true
  }

  /// One tick of everyone, with all the work that is due.
  func run(_ ticks: Int) throws {
    for _ in 0..<ticks {
      now += 1
      for member in members where member.isUp && !member.isPaused { try member.raw.tick() }
      for _ in 0..<4 { try settleOnce() }
    }
  }

  private func settleOnce() throws {
    let due = messagesInFlight.filter { $0.due <= now }
    messagesInFlight.removeAll { $0.due <= now }
    for flight in due where self[flight.message.to].isUp {
      self[flight.message.to].inbox.append(flight.message)
    }
    for member in members where member.isUp && !member.isPaused {
      let inbox = member.inbox
      member.inbox = []
      for message in inbox { try stepped(member, message) }
      while member.raw.hasReady { route(try member.raw.ready(), of: member) }
      try work(member)
    }
  }

  private func stepped(_ member: Member, _ message: Message) throws {
    do {
      try member.raw.step(message)
    } catch {
      if error.isFatal { throw error }
    }
  }

  private func route(_ ready: Ready, of member: Member) {
    for message in ready.messages {
      switch message.to {
      case NodeID.appendThread: member.appendWork.append(message)
      case NodeID.applyThread: member.applyWork.append(message)
      default: post(message)
      }
    }
  }

  private func post(_ message: Message) {
    if Int.random(in: 0..<1000, using: &random) < lossPerMille { return }
    let delay = Int.random(in: 0..<maxDelay, using: &random)
    messagesInFlight.append(MessageInFlight(due: now + delay, message: message))
  }

  /// Some of the storage work that waits; the rest takes longer.
  private func work(_ member: Member) throws {
    while !member.appendWork.isEmpty, Int.random(in: 0..<4, using: &random) > 0 {
      let work = member.appendWork.removeFirst()
      let storage = member.raw.storage
      let state = HardState(term: work.term, vote: work.vote, commit: work.commit)
      if !state.isEmpty { storage.setHardState(state) }
      if let snapshot = work.snapshot { try storage.applySnapshot(snapshot) }
      try storage.append(work.entries)
      try respond(work.responses, of: member)
    }
    while !member.applyWork.isEmpty, Int.random(in: 0..<4, using: &random) > 0 {
      let work = member.applyWork.removeFirst()
      for entry in work.entries where entry.index > member.appliedIndex {
        if !entry.data.isEmpty { member.applied.append(entry.data) }
        member.appliedIndex = entry.index
      }
      try respond(work.responses, of: member)
    }
  }

  private func respond(_ responses: [Message], of member: Member) throws {
    for response in responses {
      if response.to == member.raw.id { try stepped(member, response) } else { post(response) }
    }
  }
}
