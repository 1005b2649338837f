/// Which fields of a message, and of the messages in it, hold what takes more memory, or time, decoded
/// than its bytes do: messages with lists, packed numbers, text. See `FieldCount`.
///
/// A message of single numbers and byte strings counts as one field, however it is filled.
public struct MessageShape: Sendable {
  /// What a field holds, where it is length-delimited.
  public enum Field: Sendable {
    case text
    /// A list of byte strings.
    case strings
    /// A packed list of varints.
    case numbers
    /// Packed numbers of 4 and of 8 bytes.
    case words, doubleWords
    /// The message described by the node of this index.
    case message(Int)
  }

  // A field's kind, as it is stored. Every other field, and every one that is not described, is plain.
  static let plain: Int16 = 0
  static let text: Int16 = 1
  static let numbers: Int16 = 2
  static let words: Int16 = 3
  static let doubleWords: Int16 = 4
  static let firstNode: Int16 = 8

  /// The kinds of all nodes' fields, one node after the other.
  private let kinds: [Int16]
  private let starts: [Int]
  let root: Int

  /// - Parameters:
  ///   - nodes: for each kind of message, its fields by number.
  ///   - root: which of them is the whole.
  public init(_ nodes: [[Int: Field]], root: Int = 0) {
    precondition(nodes.indices.contains(root), "a shape without its own message")
    var kinds: [Int16] = []
    var starts: [Int] = []
    for fields in nodes {
      starts.append(kinds.count)
      let count = (fields.keys.max() ?? -1) + 1
      var row = [Int16](repeating: Self.plain, count: count)
      for (number, field) in fields where number > 0 { row[number] = Self.kind(field, nodes) }
      kinds += row
    }
    starts.append(kinds.count)
    self.kinds = kinds
    self.starts = starts
    self.root = root
  }

  private static func kind(_ field: Field, _ nodes: [[Int: Field]]) -> Int16 {
    switch field {
    case .text: text
    case .strings: plain
    case .numbers: numbers
    case .words: words
    case .doubleWords: doubleWords
    // Nothing in it could be many.
    case .message(let node) where nodes[node].isEmpty: plain
    case .message(let node): firstNode + Int16(node)
    }
  }

  @inline(__always)
  func kind(of field: UInt32, in node: Int) -> Int16 {
    let index = starts[node] + Int(field)
    return index < starts[node + 1] ? kinds[index] : Self.plain
  }
}
