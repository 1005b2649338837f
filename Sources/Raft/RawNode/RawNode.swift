package struct RawNode<Storage: LogStorage> {
  package let id: UInt64
  package let storage: Storage
  package init(config: Config, storage: Storage) throws(RaftError) {
    try config.validate()
    id = config.id
    self.storage = storage
  }

  // What the node is and knows.
  package var term: UInt64 { 0 }
  package var vote: UInt64 { 0 }
  package var leaderID: UInt64 { 0 }
  package var role: Role { .follower }
  package var isLeader: Bool { role == .leader }
  package var committed: UInt64 { 0 }
  package var applied: UInt64 { 0 }
  package var firstIndex: UInt64 { 0 }
  package var lastIndex: UInt64 { 0 }
  package var leadTransferee: UInt64 { 0 }
  package var hasPendingConfChange: Bool { false }
  package var electionElapsed: Int { 0 }
  package var randomizedElectionTimeout: Int { 0 }
  package var isPromotable: Bool { false }
  package var hardState: HardState { HardState() }
  package var softState: SoftState { SoftState() }
  package var confState: ConfState { ConfState() }
  package var basicStatus: BasicStatus {
    BasicStatus(id: id, hardState: hardState, softState: softState, applied: 0, leadTransferee: 0)
  }
  package var status: Status { Status(basic: basicStatus, config: TrackerConfig(), progress: []) }
  package func term(at index: UInt64) -> UInt64? { nil }
  package func progress(of id: UInt64) -> Progress? { nil }
  package func forEachProgress(_ body: (UInt64, borrowing Progress) -> Void) {}

  // Input.
  @discardableResult
  package mutating func tick() throws(RaftError) -> Bool { false }
  package mutating func tickQuiesced() {}
  package mutating func step(_ message: Message) throws(RaftError) {}
  package mutating func campaign() throws(RaftError) {}
  package mutating func propose(_ data: [UInt8]) throws(RaftError) {}
  package mutating func propose(_ batch: [[UInt8]]) throws(RaftError) {}
  package mutating func proposeConfChange(_ change: ConfChange) throws(RaftError) {}
  package mutating func proposeConfChange(_ change: ConfChangeV2) throws(RaftError) {}
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChange) throws(RaftError) -> ConfState {
    ConfState()
  }
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChangeV2) throws(RaftError) -> ConfState {
    ConfState()
  }
  package mutating func readIndex(context: [UInt8]) throws(RaftError) {}
  package mutating func transferLeader(to target: UInt64) throws(RaftError) {}
  package mutating func forgetLeader() throws(RaftError) {}
  package mutating func reportUnreachable(_ id: UInt64) throws(RaftError) {}
  package mutating func reportSnapshot(_ id: UInt64, succeeded: Bool) throws(RaftError) {}
  package mutating func bootstrap(peers: [BootstrapPeer]) throws(RaftError) {}
  package mutating func ping() throws(RaftError) {}

  // Output.
  package var hasReady: Bool { false }
  package mutating func ready() throws(RaftError) -> Ready { Ready() }
  package mutating func advance() throws(RaftError) {}
}
