package import Codec
package import Engine

/// The error of a request.
package enum StorageError: Error, Sendable, Hashable {
  /// The client should retry, possibly at another store, as the error says.
  case region(RegionError)
  /// The request is invalid and must not be retried. The text is for the client.
  case refused(String)
  /// The engine failed.
  case engine(EngineError)
}

extension RegionError {
  /// The error for a key outside of the region.
  static func keyNotInRegion(
    _ key: [UInt8], _ regionID: UInt64, _ range: KeyRange
  ) -> RegionError {
    .keyNotInRegion(key: key, regionID: regionID, start: range.start, end: range.end)
  }
}

extension StorageError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .region(let error): error.message
    case .refused(let reason): reason
    case .engine(let error): error.description
    }
  }
}
