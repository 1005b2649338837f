import Codec
import Engine

extension DataCF {
  /// Where the engine keeps it.
  var family: ColumnFamily {
    switch self {
    case .default: .default
    case .lock: .lock
    case .write: .write
    }
  }
}
