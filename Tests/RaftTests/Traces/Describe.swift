import Raft

/// The printed forms of etcd's traces.
enum Describe {
  static func quoted(_ data: [UInt8]) -> String { QuotedBytes(data).description }

  static func entry(_ entry: Entry, formatter: ([UInt8]) -> String = quoted) -> String {
    let (name, text): (String, String) =
      switch entry.type {
      case .normal: ("EntryNormal", formatter(entry.data))
      case .confChange: ("EntryConfChange", changes(of: entry))
      case .confChangeV2: ("EntryConfChangeV2", changes(of: entry))
      }
    let head = "\(entry.term)/\(entry.index) \(name)"
    return text.isEmpty ? head : "\(head) \(text)"
  }

  private static func changes(of entry: Entry) -> String {
    do {
      return self.changes(try ConfChangeV2.carried(by: entry)?.changes ?? [])
    } catch {
      return error.description
    }
  }

  static func changes(_ changes: [ConfChangeSingle]) -> String {
    changes.map { change in
      let letter =
        switch change.type {
        case .addNode: "v"
        case .addLearnerNode: "l"
        case .removeNode: "r"
        case .updateNode: "u"
        }
      return "\(letter)\(change.nodeID)"
    }.joined(separator: " ")
  }

  static func entries(_ entries: [Entry]) -> String {
    entries.map { entry($0) + "\n" }.joined()
  }

  static func hardState(_ state: HardState) -> String {
    let vote = state.vote == 0 ? "" : " Vote:\(state.vote)"
    return "Term:\(state.term)\(vote) Commit:\(state.commit)"
  }

  static func softState(_ state: SoftState) -> String {
    "Lead:\(state.leader) State:\(state.role)"
  }

  static func snapshot(_ snapshot: Snapshot) -> String {
    let metadata = snapshot.metadata
    return "Index:\(metadata.index) Term:\(metadata.term) ConfState:\(metadata.confState)"
  }

  static func target(_ id: UInt64) -> String {
    switch id {
    case NodeID.none: "None"
    case NodeID.appendThread: "AppendThread"
    case NodeID.applyThread: "ApplyThread"
    default: String(id, radix: 16)
    }
  }

  static func message(_ message: Message, indent: String = "") -> String {
    var text =
      "\(indent)\(target(message.from))->\(target(message.to)) \(message.type) "
      + "Term:\(message.term) Log:\(message.logTerm)/\(message.index)"
    if message.reject { text += " Rejected (Hint: \(message.rejectHint))" }
    if message.commit != 0 { text += " Commit:\(message.commit)" }
    if message.vote != 0 { text += " Vote:\(message.vote)" }
    if message.entries.count == 1 {
      text += " Entries:[\(entry(message.entries[0]))]"
    } else if !message.entries.isEmpty {
      text += " Entries:["
      for entry in message.entries { text += "\n\(indent)  \(self.entry(entry))" }
      text += "\n\(indent)]"
    }
    if let snapshot = message.snapshot, !snapshot.isEmpty {
      text += "\n\(indent)  Snapshot: \(self.snapshot(snapshot))"
    }
    if !message.responses.isEmpty {
      text += " Responses:["
      for response in message.responses {
        text += "\n" + self.message(response, indent: indent + "  ")
      }
      text += "\n\(indent)]"
    }
    return text
  }

  static func ready(_ ready: Ready) -> String {
    var text = ""
    if let state = ready.softState { text += softState(state) + "\n" }
    if let state = ready.hardState { text += "HardState \(hardState(state))\n" }
    if !ready.readStates.isEmpty { text += "ReadStates \(readStates(ready.readStates))\n" }
    if !ready.entries.isEmpty { text += "Entries:\n" + entries(ready.entries) }
    if let snapshot = ready.snapshot { text += "Snapshot \(self.snapshot(snapshot))\n" }
    if !ready.committedEntries.isEmpty {
      text += "CommittedEntries:\n" + entries(ready.committedEntries)
    }
    if !ready.messages.isEmpty {
      text += "Messages:\n"
      for message in ready.messages { text += self.message(message) + "\n" }
    }
    return text.isEmpty
      ? "<empty Ready>" : "Ready MustSync=\(ready.mustSync):\n\(text)"
  }

  static func readStates(_ states: [ReadState]) -> String {
    let items = states.map { state in
      let bytes = state.context.map(String.init).joined(separator: " ")
      return "{\(state.index) [\(bytes)]}"
    }
    return "[" + items.joined(separator: " ") + "]"
  }

  static func progress(_ peers: [PeerProgress]) -> String {
    peers.map { "\($0.id): \($0.progress)\n" }.joined()
  }
}
