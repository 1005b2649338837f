import Engine
import Foundation
import Testing

/// Values that an engine may drop when it compacts.
struct DroppedValuesTests {
  @Test func userDataIsDroppedAndRecordsOfTheStoreAreNot() throws {
    let directory = NSTemporaryDirectory() + "/dropped-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = RocksEngineOptions()
    options.droppedValues = {
      { value in value.byteCount == 1 }
    }
    let engine = try RocksEngine(path: directory + "/kv", options: options)
    var batch = WriteBatch()
    for family in ColumnFamily.allCases {
      batch.put(family, [1], [1])
      batch.put(family, [2], [2, 2])
    }
    try engine.write(batch, .synced)
    try engine.flush()
    for family in ColumnFamily.allCases { try engine.compact(family, from: nil, to: nil) }
    for family in ColumnFamily.allCases {
      #expect(try engine.get(family, [1]) == (family == .raft ? [1] : nil), "\(family)")
      #expect(try engine.get(family, [2]) == [2, 2], "\(family)")
    }
    try engine.close()
  }
}
