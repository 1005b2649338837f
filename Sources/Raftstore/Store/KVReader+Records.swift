import Codec
import Engine
import Protobuf

// Reading a store's own records, with the record's name in every error.
extension KVReader {
  func record<Record: ProtoRecord>(
    _ type: Record.Type, _ key: [UInt8], _ name: @autoclosure () -> String
  ) throws(StoreError) -> Record? {
    let bytes: [UInt8]?
    do throws(EngineError) {
      bytes = try get(.raft, key)
    } catch {
      throw .engine(error)
    }
    guard let bytes else { return nil }
    do throws(CodecError) {
      return try Record(decoding: bytes)
    } catch {
      throw .corrupted(record: name(), reason: "\(error)")
    }
  }

  func regionState(_ id: UInt64) throws(StoreError) -> RegionLocalState? {
    try record(
      RegionLocalState.self, KeyLayout.regionState(regionID: id), "state of region \(id)")
  }

  func applyState(_ id: UInt64) throws(StoreError) -> ApplyState? {
    try record(ApplyState.self, KeyLayout.applyState(regionID: id), "apply state of region \(id)")
  }
}
