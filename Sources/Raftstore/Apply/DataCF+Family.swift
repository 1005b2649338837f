package import Codec
package import Engine

extension DataCF {
  /// The engine's family for user data of this kind.
  package var family: ColumnFamily {
    switch self {
    case .default: .default
    case .lock: .lock
    case .write: .write
    }
  }
}
