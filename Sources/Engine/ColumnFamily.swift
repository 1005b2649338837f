/// The column families of a store: TiKV's. The first three hold data; `raft` holds region and apply states, so
/// that one batch changes data and the state that describes it. Raw values are positions in the database.
package enum ColumnFamily: UInt8, CaseIterable, Sendable, Hashable {
  case `default`, lock, write, raft

  /// The families with user data, in the order of a snapshot's files.
  package static let data: [ColumnFamily] = [.default, .lock, .write]

  /// The name on disk and on the wire.
  package var name: String {
    switch self {
    case .default: "default"
    case .lock: "lock"
    case .write: "write"
    case .raft: "raft"
    }
  }

  /// The family of that name; nil if there is none.
  package init?(name: String) {
    guard let family = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = family
  }
}

extension ColumnFamily: CustomStringConvertible {
  package var description: String { name }
}
