import Engine
import Runtime
import TestSupport
import Testing

/// Replays the scripts of a folder: what each command returns and stores is what TiKV does.
struct ConformanceTests {
  @Test(
    .enabled(if: ScriptFolder.transactions.isPresent, "no scripts"),
    arguments: ScriptFolder.transactions.files)
  func inMemory(_ file: ScriptFile) throws {
    for script in try file.cases() {
      try replay(script, file, try memoryEngine())
    }
  }

  /// The cursors of the other engine, whose keys of earlier cases are deleted and not gone.
  @Test(
    .enabled(if: ScriptFolder.transactions.isPresent, "no scripts"),
    arguments: ScriptFolder.transactions.files)
  func onDisk(_ file: ScriptFile) throws {
    let directory = try TemporaryDirectory("transaction")
    let engine = try RocksEngine(path: directory.child("kv"))
    for script in try file.cases() {
      try replay(script, file, engine)
      var batch = WriteBatch()
      for family in ColumnFamily.data {
        batch.deleteRange(family, from: [], to: [UInt8](repeating: 0xFF, count: 32))
      }
      try engine.write(batch, .buffered)
    }
    try engine.close()
  }

  private func replay(
    _ script: ScriptCase, _ file: ScriptFile, _ engine: any KVEngine
  ) throws {
    let store = ScriptStore(engine)
    for step in script.steps {
      let result = try store.run(step)
      guard !result.matches(step.expected, command: step.command) else { continue }
      Issue.record(
        """
        \(file.testDescription):\(step.line): \(script.name): \(step.text)
        returned: \(result)
        """)
      // What follows depends on the state reached here.
      return
    }
  }
}

/// An engine without files.
func memoryEngine() throws -> MemoryEngine {
  try MemoryEngine(path: "kv", files: MemoryFileSystem())
}
