import Codec
import Engine
import Testing
import Transaction

/// What a script runs against: an engine with the commands' environment.
final class ScriptStore {
  let engine: any KVEngine
  private(set) var concurrency = ConcurrencyControl()
  /// By user key.
  private var memoryLocks: [[UInt8]: Lock] = [:]
  private var statuses = TransactionStatusCache()

  // Of the scripts without data.
  var queues = LockWaitQueues()
  var nextToken: UInt64 = 0
  var now: UInt64 = 0
  var detector = DeadlockDetector()
  var latches = Latches(slots: 2)
  var latchRequests: [String: (id: Latches.CommandID, request: Latches.Request)] = [:]
  var resolved = ResolvedTimestamp()

  init(_ engine: any KVEngine) {
    self.engine = engine
  }

  func snapshot() -> any KVReader { engine.snapshot() }

  /// Sets `max_ts`, also to a smaller value.
  func resetMaxTS(to timestamp: Timestamp) {
    concurrency = ConcurrencyControl()
    concurrency.raiseMaxTS(to: timestamp)
    for (key, lock) in memoryLocks { publish(key, lock) }
  }

  func setMemoryLock(_ key: [UInt8], _ lock: Lock?) {
    memoryLocks[key] = lock
    if let lock {
      publish(key, lock)
    } else {
      concurrency.release([MemComparable.encode(key)])
    }
  }

  private func publish(_ key: [UInt8], _ lock: Lock) {
    concurrency.publish(MemComparable.encode(key)) { _ in lock }
  }

  func isKnownCommitted(_ startTS: Timestamp) -> Bool { statuses.commitTS(of: startTS) != nil }

  /// Applies what a command returns.
  func apply<Response>(_ output: CommandOutput<Response>) throws -> Response {
    var batch = WriteBatch()
    var bytes = 0
    for mutation in output.changes.mutations {
      switch mutation {
      case .put(let cf, let key, let value):
        batch.put(Self.family(cf), key, value)
        bytes += key.count + value.count
      case .delete(let cf, let key):
        batch.delete(Self.family(cf), key)
        bytes += key.count
      case .deleteRange(let cf, let start, let end, let notifyOnly):
        if !notifyOnly { batch.deleteRange(Self.family(cf), from: start, to: end) }
        bytes += start.count + end.count
      }
    }
    #expect(bytes == output.changes.byteCount)
    try engine.write(batch, .buffered)
    concurrency.release(output.changes.memoryLocks)
    for one in output.changes.committed {
      statuses.insert(one.startTS, commitTS: one.commitTS, now: 0)
    }
    return output.response
  }

  private static func family(_ cf: DataCF) -> ColumnFamily {
    switch cf {
    case .default: .default
    case .lock: .lock
    case .write: .write
    }
  }

  func put(_ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]?) throws {
    var batch = WriteBatch()
    if let value { batch.put(family, key, value) } else { batch.delete(family, key) }
    try engine.write(batch, .buffered)
  }

  /// Runs a step.
  func run(_ step: ScriptStep) throws -> ScriptResult {
    do throws(TransactionError) {
      return try execute(step)
    } catch {
      return .failure(error)
    }
  }

  private func execute(_ step: ScriptStep) throws(TransactionError) -> ScriptResult {
    do {
      let arguments = ScriptArguments(step)
      if let result = try executeRead(arguments) ?? executeWrite(arguments)
        ?? executeLock(arguments) ?? inspect(arguments) ?? poke(arguments)
        ?? executeQueue(arguments)
      {
        return result
      }
      Issue.record("unknown command: \(step.text)")
      return ScriptResult("unknown")
    } catch let error as TransactionError {
      throw error
    } catch {
      Issue.record("\(step.text): \(error)")
      return ScriptResult("failed")
    }
  }
}

/// The parts of a step as values.
struct ScriptArguments {
  let step: ScriptStep

  init(_ step: ScriptStep) {
    self.step = step
  }

  var command: String { step.command }

  func has(_ flag: String) -> Bool { step.has(flag) }

  func timestamp(_ name: String) -> Timestamp {
    step.fields[name].flatMap { ScriptValue.timestamp($0) } ?? .zero
  }

  func number(_ name: String) -> UInt64 { timestamp(name).value }

  func timestamps(_ name: String) -> Set<Timestamp> {
    Set(
      (step.fields[name] ?? "").split(separator: ",").compactMap {
        ScriptValue.timestamp(String($0))
      })
  }

  /// After `@`.
  var at: Timestamp {
    let word = step.words.first { $0.hasPrefix("@") } ?? ""
    return ScriptValue.timestamp(String(word.dropFirst())) ?? .zero
  }

  var key: [UInt8] { Array((step.positional.first ?? "").utf8) }
  var keys: [[UInt8]] { step.positional.map { Array($0.utf8) } }
  var tailKeys: [[UInt8]] { step.tailWords.map { Array($0.utf8) } }

  func bytes(_ name: String) -> [UInt8] { Array((step.fields[name] ?? "").utf8) }

  /// `from=` and `to=` as encoded keys.
  var range: KeyRange { KeyRange(encodingUserKeys: bytes("from"), bytes("to")) }

  /// A range with both bounds.
  var finiteRange: KeyRange {
    var range = range
    if range.end.isEmpty { range.end = [UInt8](repeating: 0xFF, count: 64) }
    return range
  }

  func lastChange() -> LastChange {
    step.fields["last"].map { ScriptValue.lastChange(of: $0) } ?? .unknown
  }
}
