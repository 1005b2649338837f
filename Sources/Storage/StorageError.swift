package import Codec
package import Engine

/// Why a request was not served.
package enum StorageError: Error, Sendable, Hashable {
  /// The client should go elsewhere, or come again.
  case region(RegionError)
  /// The request itself cannot be served by anyone; the text is for the client.
  case refused(String)
  /// The engine failed.
  case engine(EngineError)
}

extension RegionError {
  /// A key that a region does not hold.
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
