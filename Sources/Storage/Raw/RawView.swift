import Codec
import Engine

/// A snapshot of one column family of a region.
struct RawView: Sendable {
  let family: ColumnFamily
  let reader: any KVReader
  let range: KeyRange
  /// The format of the values, with the time of the request.
  let values: RawValues

  /// The stored value of a key, expired or not; nil if there is none. Throws for a key outside of the region.
  func stored(_ key: [UInt8], _ context: RequestContext) throws(StorageError) -> [UInt8]? {
    try check(key, context)
    return try RawCommands.engine { () throws(EngineError) in try reader.get(family, key) }
  }

  /// Throws for a key outside of the region.
  func check(_ key: [UInt8], _ context: RequestContext) throws(StorageError) {
    guard range.contains(key) else {
      throw .region(.keyNotInRegion(key, context.regionID, range))
    }
  }
}
