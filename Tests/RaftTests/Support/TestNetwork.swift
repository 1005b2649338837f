@testable import Raft

/// Nodes 1... that deliver to each other in order, with faults on request.
final class TestNetwork {
  enum Member {
    case fresh
    /// Takes every message and never responds.
    case deaf
    /// Holds entries of these terms.
    case terms([UInt64])
    case voted(UInt64, term: UInt64)
    case node(TestNode)
  }

  private struct Link: Hashable {
    var from: UInt64
    var to: UInt64
  }

  private(set) var nodes: [UInt64: TestNode] = [:]
  private var cutLinks: Set<Link> = []
  private var ignored: Set<MessageType> = []
  /// Drops the messages it refuses.
  var hook: ((Message) -> Bool)?

  init(_ members: [Member], _ adjust: (inout Config) -> Void = { _ in }) throws {
    let peers = (1...UInt64(members.count)).map { $0 }
    for (member, id) in zip(members, peers) {
      switch member {
      case .fresh: nodes[id] = try TestNode(id, peers: peers, adjust)
      case .deaf: break
      case .terms(let terms): nodes[id] = try TestNode(id, peers: peers, terms: terms, adjust)
      case .voted(let vote, let term):
        nodes[id] = try TestNode(id, peers: peers, vote: vote, term: term, adjust)
      case .node(let node): nodes[id] = node
      }
    }
  }

  convenience init(_ count: Int, _ adjust: (inout Config) -> Void = { _ in }) throws {
    try self.init(Array(repeating: .fresh, count: count), adjust)
  }

  convenience init(nodes: TestNode...) throws {
    try self.init(nodes.map { .node($0) })
  }

  subscript(id: UInt64) -> TestNode {
    guard let node = nodes[id] else { preconditionFailure("no node \(id)") }
    return node
  }

  /// Steps messages, and all that follow from them.
  func send(_ first: Message...) throws {
    var queue = first
    while !queue.isEmpty {
      let message = queue.removeFirst()
      guard let node = nodes[message.to] else { continue }
      try? node.step(message)
      queue += try filtered(node.take())
    }
  }

  /// Sends the messages that nodes hold already.
  func flush(_ node: TestNode) throws {
    for message in try filtered(node.take()) { try send(message) }
  }

  private func filtered(_ messages: [Message]) -> [Message] {
    messages.filter { message in
      !ignored.contains(message.type)
        && !cutLinks.contains(Link(from: message.from, to: message.to))
        && (hook?(message) ?? true)
    }
  }

  func campaign(_ id: UInt64) throws {
    try send(Message(.hup, to: id, from: id))
  }

  func beat(_ id: UInt64) throws {
    try send(Message(.beat, to: id, from: id))
  }

  func propose(_ id: UInt64, _ text: String = "somedata") throws {
    var message = proposal(from: id, text)
    message.to = id
    try send(message)
  }

  func cut(_ one: UInt64, _ other: UInt64) {
    cutLinks.insert(Link(from: one, to: other))
    cutLinks.insert(Link(from: other, to: one))
  }

  /// Cuts the links between a node and all others.
  func isolate(_ id: UInt64) {
    for other in nodes.keys where other != id { cut(id, other) }
  }

  func ignore(_ type: MessageType) { ignored.insert(type) }

  func recover() {
    cutLinks = []
    ignored = []
  }
}
