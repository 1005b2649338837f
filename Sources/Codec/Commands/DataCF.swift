/// The column families that hold user data, in the order snapshots list them.
package enum DataCF: UInt8, Sendable, Hashable, CaseIterable {
  case `default` = 0
  case lock = 1
  case write = 2

  /// The name on the wire and in file names.
  package var name: String {
    switch self {
    case .default: "default"
    case .lock: "lock"
    case .write: "write"
    }
  }

  /// An empty name means `default`; an unknown one gives nil.
  package init?(name: String) {
    switch name {
    case "", "default": self = .default
    case "lock": self = .lock
    case "write": self = .write
    default: return nil
    }
  }
}
