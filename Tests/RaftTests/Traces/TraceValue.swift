import Raft

/// Values in directives.
enum TraceValue {
  static func bool(_ text: String) throws -> Bool {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": return true
    case "0", "f", "F", "FALSE", "false", "False": return false
    default: throw TraceError("not a boolean: \(text)")
    }
  }

  static func number<Number: FixedWidthInteger>(_ text: String) throws -> Number {
    guard let number = Number(text) else { throw TraceError("not a number: \(text)") }
    return number
  }

  /// Membership changes as `v1 l2 r3 u4`.
  static func changes(_ text: String) throws -> [ConfChangeSingle] {
    try text.split(whereSeparator: \.isWhitespace).map { token in
      guard token.count >= 2 else { throw TraceError("unknown token \(token)") }
      let type: ConfChangeType
      switch token.first {
      case "v": type = .addNode
      case "l": type = .addLearnerNode
      case "r": type = .removeNode
      case "u": type = .updateNode
      default: throw TraceError("unknown input: \(token)")
      }
      return ConfChangeSingle(type: type, nodeID: try number(String(token.dropFirst())))
    }
  }
}
