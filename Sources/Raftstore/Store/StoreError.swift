package import Codec
package import Engine
package import RaftLog

/// Why a store could not be started. Nothing was lost; each says what stands in the way.
package enum StoreError: Error, Sendable {
  case engine(EngineError)
  case logs(LogStoreError)
  case pd(PDClientError)
  /// Stored bytes that are not what was written; `record` names them.
  case corrupted(record: String, reason: String)
  /// The data belongs to another cluster or store than it should.
  case foreignData(path: String, found: StoreIdent, expectedClusterID: UInt64)
  /// The engine and the raft log do not belong together.
  case mismatchedLogs(path: String, reason: String)
  /// A directory without an identity that is not empty.
  case notEmpty(path: String)
  case invalidConfig(String)
}

extension StoreError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .engine(let error): error.description
    case .logs(let error): error.description
    case .pd(let error): error.description
    case .corrupted(let record, let reason): "\(record) is corrupted: \(reason)"
    case .foreignData(let path, let found, let expected):
      "\(path) belongs to store \(found.storeID) of cluster \(found.clusterID), but the placement "
        + "driver serves cluster \(expected): point --data-dir or --pd-endpoints elsewhere"
    case .mismatchedLogs(let path, let reason):
      "\(path) and the raft log beside it do not belong together: \(reason)"
    case .notEmpty(let path):
      "\(path) holds data but no store identity: use an empty data directory"
    case .invalidConfig(let problem): "invalid configuration: \(problem)"
    }
  }
}

extension StoreError {
  /// Whether stored bytes are not what was written.
  var isDamage: Bool {
    switch self {
    case .corrupted, .logs(.corrupted): true
    default: false
    }
  }
}
