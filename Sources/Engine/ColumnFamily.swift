/// The key spaces of a store. Data lives in the first three; `raft` holds region and apply state,
/// so that one batch moves data and its bookkeeping together.
package enum ColumnFamily: UInt8, CaseIterable, Sendable, Hashable {
  case `default`, lock, write, raft

  /// The families that hold user data, in the order in which snapshots carry them.
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

  /// The family of that name; nil when there is none.
  package init?(name: String) {
    guard let family = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = family
  }
}

extension ColumnFamily: CustomStringConvertible {
  package var description: String { name }
}
