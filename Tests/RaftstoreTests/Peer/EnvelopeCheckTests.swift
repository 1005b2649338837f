import Codec
import Raft
import Runtime
import Testing

@testable import Raftstore

@Suite struct EnvelopeCheckTests {
  private func envelope(_ change: (inout RaftEnvelope) -> Void) -> RaftEnvelope {
    var message = Message(.heartbeat, to: 4, from: 3, term: 6)
    message.commit = 5
    var envelope = RaftEnvelope(
      regionID: 2, from: PeerInfo(id: 3, storeID: 1), to: PeerInfo(id: 4, storeID: 5),
      message: message, epoch: RegionEpoch(confVersion: 1, version: 1))
    change(&envelope)
    return envelope
  }

  @Test func whatCannotBeIsRefused() {
    #expect(EnvelopeCheck.problem(of: envelope { _ in }) == nil)
    let changes: [(inout RaftEnvelope) -> Void] = [
      { $0.regionID = 0 }, { $0.from.id = 0 }, { $0.to.id = 0 }, { $0.from.storeID = 0 },
      { $0.to.storeID = 0 }, { $0.epoch.version = .max }, { $0.epoch.confVersion = .max },
      { $0.message?.from = 9 }, { $0.message?.to = 9 }, { $0.message?.type = .hup },
      { $0.message?.type = .storageAppendResponse },
      // Committed, they could be neither applied nor passed over.
      { $0.message?.entries = [Entry(type: .confChange, data: [0xFF])] },
      { $0.message?.entries = [Entry(), Entry(data: [0xFF])] },
      { $0.message?.entries = [Entry(data: [0x12, 0x00])] },  // no header
      // No such request.
      { $0.message?.entries = [Entry(data: [0x0A, 0x00, 0x12, 0x02, 0x08, 0x63])] },
      { $0.message?.entries = [Entry(), Entry(type: .confChangeV2, data: [0x0A, 0x7F])] },
      {
        let change = ConfChange(type: .addNode, nodeID: 9, context: [0xFF])
        $0.message?.entries = [Entry(type: .confChange, data: change.encoded())]
      },
      {
        // One of the core's own threads, whose messages it trusts.
        $0.from.id = .max
        $0.message?.from = .max
      },
    ]
    for (number, change) in changes.enumerated() {
      #expect(EnvelopeCheck.problem(of: envelope(change)) != nil, "change \(number)")
    }
  }

  @Test func entriesThatCanBeAreTaken() {
    let header = CommandHeader(
      regionID: 2, peer: PeerInfo(id: 3, storeID: 1), epoch: .initial, term: 6)
    let put = Mutation.put(cf: .default, key: [1], value: [2])
    let entries = [
      Entry(), Entry(data: CommandCodec.encode(header, RequestList([put, put]))),
      Entry(data: CommandCodec.encode(header, AdminCommand.compactLog(index: 1, term: 1))),
    ]
    #expect(
      EnvelopeCheck.problem(
        of: envelope {
          $0.message?.type = .append
          $0.message?.entries = entries
        }) == nil)
    // The context of a read is no command.
    for type in [MessageType.readIndex, .readIndexResponse] {
      #expect(
        EnvelopeCheck.problem(
          of: envelope {
            $0.message?.type = type
            $0.message?.entries = [Entry(data: [0xFF])]
          }) == nil)
    }
  }

  @Test func regionsThatCannotBeAreRefused() {
    func problem(_ change: (inout Region) -> Void) -> String? {
      var region = Region(
        id: 2, startKey: [1], endKey: [2], epoch: .initial,
        peers: [PeerInfo(id: 3, storeID: 1), PeerInfo(id: 4, storeID: 5)])
      change(&region)
      return EnvelopeCheck.problem(of: region)
    }
    #expect(problem { _ in } == nil)
    #expect(problem { $0.id = 0 } != nil)
    #expect(problem { $0.peers = [] } != nil)
    #expect(problem { $0.peers[0].id = 4 } != nil)
    #expect(problem { $0.peers[0].storeID = 5 } != nil)
    #expect(problem { $0.endKey = [1] } != nil)
    #expect(problem { $0.epoch.confVersion = .max } != nil)
    #expect(problem { $0.peers[1].id = .max } != nil)
  }

  private struct Ends {
    var from: PeerInfo
    var to: PeerInfo
    var follower: TestNode
    var region: Region
  }

  /// The leader's and a follower's peers in a cluster of three.
  private func ends(_ cluster: TestCluster) throws -> Ends {
    let leader = try #require(cluster.leader)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    let region = try #require(cluster.region)
    return Ends(
      from: try #require(region.peer(onStore: leader.id)),
      to: try #require(region.peer(onStore: follower.id)), follower: follower, region: region)
  }

  /// Without its files a snapshot would take away what the peer has.
  @Test func aSnapshotThatDidNotComeWithItsFilesIsRefused() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let ends = try ends(cluster)
    #expect(cluster.waitFor { ends.follower.value("a") == "1" })
    let status = try #require(ends.follower.status(cluster.regionID))
    let data = RaftSnapshotData(
      region: ends.region, fileSize: 0, meta: SnapshotMeta(start: 0))
    var message = Message(.snapshot, to: ends.to.id, from: ends.from.id, term: status.term)
    message.snapshot = Snapshot(
      data: data.encoded(),
      metadata: SnapshotMetadata(
        confState: ends.region.confState, index: status.lastIndex + 100, term: status.term))
    ends.follower.store?.router.deliver([
      RaftEnvelope(
        regionID: cluster.regionID, from: ends.from, to: ends.to, message: message,
        epoch: ends.region.epoch)
    ])
    cluster.run(.seconds(1))
    #expect(ends.follower.value("a") == "1")
    #expect(ends.follower.engine.record(cluster.regionID)?.state == .normal)
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { ends.follower.value("b") == "2" })
    #expect(ends.follower.fatalReasons.isEmpty)
  }

  /// Once committed it would end every store that has it, at each restart.
  @Test func anEntryThatCannotBeReadDoesNotGetIntoALog() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let ends = try ends(cluster)
    #expect(cluster.waitFor { ends.follower.value("a") == "1" })
    let status = try #require(ends.follower.status(cluster.regionID))
    let last = status.lastIndex
    var message = Message(.append, to: ends.to.id, from: ends.from.id, term: status.term)
    message.index = last
    message.logTerm = status.term
    message.commit = last + 1
    message.entries = [Entry(term: status.term, index: last + 1, data: [0xFF])]
    ends.follower.store?.router.deliver([
      RaftEnvelope(
        regionID: cluster.regionID, from: ends.from, to: ends.to, message: message,
        epoch: ends.region.epoch)
    ])
    cluster.run(.seconds(1))
    #expect(ends.follower.fatalReasons.isEmpty)
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { ends.follower.value("b") == "2" })
  }

  /// Applied, it would end every store that has it: the log writer refuses a compaction to a wrong term.
  @Test(arguments: [[], [UInt8](repeating: 1, count: 200)])
  func aCompactionWithAWrongTermDoesNotGetIntoALog(padding: [UInt8]) throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    for number in 0..<8 { #expect(cluster.put("k\(number)", "1")) }
    let ends = try ends(cluster)
    #expect(cluster.waitFor { ends.follower.value("k7") == "1" })
    let status = try #require(ends.follower.status(cluster.regionID))
    let last = status.lastIndex
    let header = CommandHeader(
      regionID: cluster.regionID, peer: ends.from, epoch: ends.region.epoch, term: status.term,
      uuid: padding)
    for (index, term) in [(last - 1, status.term + 5), (last, status.term - 1), (last + 1, 1)] {
      var message = Message(.append, to: ends.to.id, from: ends.from.id, term: status.term)
      message.index = last
      message.logTerm = status.term
      message.commit = last + 1
      let data = CommandCodec.encode(header, AdminCommand.compactLog(index: index, term: term))
      message.entries = [Entry(term: status.term, index: last + 1, data: data)]
      ends.follower.store?.router.deliver([
        RaftEnvelope(
          regionID: cluster.regionID, from: ends.from, to: ends.to, message: message,
          epoch: ends.region.epoch)
      ])
      cluster.run(.seconds(1))
      #expect(ends.follower.fatalReasons.isEmpty)
    }
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { ends.follower.value("b") == "2" })
  }

  /// A peer gives its place up only to one that can have it by a later membership.
  @Test func aPeerThatCannotBeTakesNoPlace() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let ends = try ends(cluster)
    let other = PeerInfo(id: ends.to.id + 1000, storeID: ends.to.storeID)
    let message = Message(.heartbeat, to: other.id, from: ends.from.id, term: 99)
    ends.follower.store?.router.deliver([
      RaftEnvelope(
        regionID: cluster.regionID, from: ends.from, to: other, message: message,
        epoch: ends.region.epoch)
    ])
    cluster.run(.seconds(1))
    #expect(ends.follower.status(cluster.regionID)?.peer.id == ends.to.id)
    #expect(ends.follower.value("a") == "1")
  }

  /// A store of an earlier cluster, whose ids came out equal, made stores of this one exit with
  /// `tocommit(210) is out of range [lastIndex(70)]`.
  @Test func anotherClustersMessagesEndNothing() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    let region = try #require(cluster.region)
    let from = try #require(region.peer(onStore: leader.id))
    let to = try #require(region.peer(onStore: follower.id))
    let store = try #require(follower.store)
    let term = try #require(follower.status(cluster.regionID)).term
    for type in MessageType.allCases {
      for term in [0, 1, term, term + 1, 1 << 40, .max] {
        for index in [0, 1, 210, 1 << 40, .max] as [UInt64] {
          var message = Message(type, to: to.id, from: from.id, term: term)
          message.index = index
          message.commit = index
          message.logTerm = term
          message.rejectHint = index
          message.entries = [Entry(term: term, index: index)]
          store.router.deliver([
            RaftEnvelope(
              regionID: region.id, from: from, to: to, message: message, epoch: region.epoch)
          ])
        }
      }
    }
    cluster.run(.seconds(5))
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
    #expect(cluster.put("b", "2"))
    #expect(follower.metrics.text().contains(#"type="invalid"} "#))
    #expect(!follower.metrics.text().contains(#"type="invalid"} 0"#))
  }
}
