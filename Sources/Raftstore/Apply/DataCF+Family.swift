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

/// The bounds of the key space where an engine needs two finite ends.
package enum DataKeySpace {
  /// Above every key that is accepted: keys are at most 8 KiB long, so no key can exceed more `0xFF`
  /// bytes than that.
  package static let end = [UInt8](repeating: 0xFF, count: 16 << 10)
}
