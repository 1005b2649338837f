import Raft

/// A cluster under the commands of an interaction trace.
final class TraceCluster {
  let output = TraceOutput()
  var nodes: [TraceNode] = []
  /// All messages under way, in the order they were sent.
  var inFlight: [Message] = []

  /// Runs one directive and gives what it prints.
  func execute(_ directive: TraceDirective) -> String {
    output.clear()
    do {
      try run(directive)
    } catch {
      let text = String(describing: error)
      if output.level == TraceOutput.silent { return text }
      output.write(text)
    }
    return output.text.isEmpty ? "ok" : output.text
  }

  func node(_ id: Int) throws -> TraceNode {
    guard nodes.indices.contains(id - 1) else { throw TraceError("no node \(id)") }
    return nodes[id - 1]
  }

  /// The nodes named by arguments without value.
  func named(_ directive: TraceDirective) throws -> [Int] {
    try directive.bareArguments.map { text in
      guard let id = Int(text) else { throw TraceError("not a node number: \(text)") }
      return id
    }
  }

  func first(_ directive: TraceDirective) throws -> TraceNode {
    guard let text = directive.arguments.first?.key, let id = Int(text) else {
      throw TraceError("missing node number")
    }
    return try node(id)
  }

  // MARK: Readies

  func processReady(_ id: Int) throws {
    let node = try node(id)
    let ready = try node.raw.ready()
    output.write(Describe.ready(ready))
    let isAsync = node.config.asyncStorageWrites
    if !isAsync {
      try node.store(ready.hardState, ready.snapshot, ready.entries)
      try node.apply(ready.committedEntries)
    }
    for message in ready.messages {
      switch message.to {
      case NodeID.appendThread: node.appendWork.append(message)
      case NodeID.applyThread: node.applyWork.append(message)
      default: inFlight.append(message)
      }
      if NodeID.isThread(message.to) && !isAsync {
        throw TraceError("unexpected message to a storage thread")
      }
    }
    if !isAsync { try node.raw.advance() }
  }

  func processAppend(_ id: Int) throws {
    let node = try node(id)
    guard !node.appendWork.isEmpty else {
      output.write("no append work to perform")
      return
    }
    var message = node.appendWork.removeFirst()
    let responses = message.responses
    message.responses = []
    output.write("Processing:\n\(Describe.message(message))\n")
    let state = HardState(term: message.term, vote: message.vote, commit: message.commit)
    try node.store(state, message.snapshot, message.entries)
    respond(responses)
  }

  func processApply(_ id: Int) throws {
    let node = try node(id)
    guard !node.applyWork.isEmpty else {
      output.write("no apply work to perform")
      return
    }
    var message = node.applyWork.removeFirst()
    let responses = message.responses
    message.responses = []
    output.write("Processing:\n\(Describe.message(message))\n")
    try node.apply(message.entries)
    respond(responses)
  }

  private func respond(_ responses: [Message]) {
    output.write("Responses:\n")
    for response in responses { output.write(Describe.message(response) + "\n") }
    inFlight += responses
  }

  // MARK: Messages

  struct Recipient {
    var id: UInt64
    var drop = false
  }

  /// Takes the messages to `recipient` out of the network.
  func take(_ recipient: Recipient, type: MessageType?) -> [Message] {
    var taken: [Message] = []
    inFlight.removeAll { message in
      let local =
        message.from == message.to || NodeID.isThread(message.from) || NodeID.isThread(message.to)
      let selected =
        message.to == recipient.id && (type == nil || message.type == type)
        && !(recipient.drop && local)
      if selected { taken.append(message) }
      return selected
    }
    return taken
  }

  /// Delivers or drops messages; returns how many.
  func deliver(_ recipients: [Recipient], type: MessageType? = nil) throws -> Int {
    var count = 0
    for recipient in recipients {
      let messages = take(recipient, type: type)
      count += messages.count
      for message in messages {
        output.write((recipient.drop ? "dropped: " : "") + Describe.message(message) + "\n")
        if recipient.drop { continue }
        do {
          try node(Int(recipient.id)).raw.step(message)
        } catch let error as RaftError {
          output.write("\(error)\n")
        }
      }
    }
    return count
  }

  // MARK: Until nothing happens

  func stabilize(_ ids: [Int]) throws {
    var isDone = false
    while !isDone {
      isDone = true
      for id in ids where try node(id).raw.hasReady {
        isDone = false
        output.write("> \(id) handling Ready\n")
        try output.indented { try processReady(id) }
      }
      for id in ids where inFlight.contains(where: { $0.to == UInt64(id) }) {
        isDone = false
        output.write("> \(id) receiving messages\n")
        try output.indented { _ = try deliver([Recipient(id: UInt64(id))]) }
      }
      for id in ids where try !node(id).appendWork.isEmpty {
        isDone = false
        output.write("> \(id) processing append thread\n")
        while try !node(id).appendWork.isEmpty {
          try output.indented { try processAppend(id) }
        }
      }
      for id in ids where try !node(id).applyWork.isEmpty {
        isDone = false
        output.write("> \(id) processing apply thread\n")
        while try !node(id).applyWork.isEmpty {
          try output.indented { try processApply(id) }
        }
      }
    }
  }
}
