import Codec
import Engine
import Transaction

/// Why a read failed.
enum ReadError: Error {
  case storage(StorageError)
  case transaction(TransactionError)

  static func run<T>(_ body: () throws(TransactionError) -> T) throws(ReadError) -> T {
    do throws(TransactionError) { return try body() } catch { throw .transaction(error) }
  }
}

/// The entries of a response. Their bytes are bounded while they are collected.
struct ReplyEntries: ReadReply {
  private var entries: [ScanEntry] = []
  /// Set by a command that failed: then there are no entries.
  private var error: TransactionError?
  private let limit: Int
  /// Keys, values and overhead so far; at most `limit`.
  private(set) var bytes = 0
  var keysRead: Int { entries.count }
  var bytesRead: Int { bytes }
  var value: Result<[ScanEntry], TransactionError> {
    error.map { .failure($0) } ?? .success(entries)
  }

  /// About the bytes of an entry in a message beside its key and value.
  private static let overhead = 16

  init(limit: Int) {
    self.limit = limit
  }

  mutating func append(_ entry: ScanEntry) throws(StorageError) {
    switch entry {
    case .pair(let key, let value): bytes += key.count + value.value.count
    case .locked(let info): bytes += info.bytes
    }
    bytes += Self.overhead
    try Self.check(bytes, limit)
    entries.append(entry)
  }

  static func check(_ bytes: Int, _ limit: Int) throws(StorageError) {
    guard bytes <= limit else {
      throw .refused("the reply would be larger than \(limit) bytes: ask for fewer keys at a time")
    }
  }

  /// Ends the read with the error of a command.
  mutating func fail(_ error: TransactionError) throws(StorageError) {
    if case .engine(let error) = error { throw .engine(error) }
    self.error = error
  }
}

extension LockInfo {
  /// About its bytes in a message.
  fileprivate var bytes: Int {
    key.count + lock.primary.count + lock.secondaries.reduce(64) { $0 + $1.count + 4 }
  }
}

/// A scan, some steps at a time: every one visits a key, whether the read sees something of it or not.
struct ScanSteps: ReadPieces {
  private static let stepsPerPiece = 64

  private var execution: ScanExecution

  init(_ scan: Scan, _ reader: any KVReader) {
    execution = ScanExecution(scan, reader)
  }

  mutating func next(_ reply: inout ReplyEntries) throws(StorageError) -> Bool {
    for _ in 0..<Self.stepsPerPiece {
      let step: ScanExecution.Step
      do throws(TransactionError) {
        step = try execution.step()
      } catch {
        try reply.fail(error)
        return false
      }
      switch step {
      case .entry(let entry): try reply.append(entry)
      case .nothing: continue
      case .end: return false
      }
    }
    return true
  }
}

/// Lookups of many keys, some at a time.
struct BatchGetPieces: ReadPieces {
  private static let keysPerPiece = 64

  private let reader: any KVReader
  private let options: ReadOptions
  /// User keys.
  private var rest: ArraySlice<[UInt8]>

  init(_ command: BatchGet, _ reader: any KVReader) {
    self.reader = reader
    options = command.options
    rest = command.keys[...]
  }

  mutating func next(_ reply: inout ReplyEntries) throws(StorageError) -> Bool {
    guard !rest.isEmpty else { return false }
    let some = rest.prefix(Self.keysPerPiece)
    rest = rest.dropFirst(some.count)
    let entries: [ScanEntry]
    do throws(TransactionError) {
      entries = try BatchGet(Array(some), options).execute(reader)
    } catch {
      try reply.fail(error)
      return false
    }
    for entry in entries { try reply.append(entry) }
    return true
  }
}

/// Lookups of many keys of a pipelined transaction, some at a time.
struct BufferGetPieces: ReadPieces {
  private static let keysPerPiece = 64

  private let reader: any KVReader
  private let startTS: Timestamp
  /// User keys.
  private var rest: ArraySlice<[UInt8]>

  init(_ command: BufferBatchGet, _ reader: any KVReader) {
    self.reader = reader
    startTS = command.startTS
    rest = command.keys[...]
  }

  mutating func next(_ reply: inout ReplyEntries) throws(StorageError) -> Bool {
    for _ in 0..<Self.keysPerPiece {
      guard let key = rest.popFirst() else { return false }
      let entries: [ScanEntry]
      do throws(TransactionError) {
        entries = try BufferBatchGet([key], startTS: startTS).execute(reader)
      } catch {
        try reply.fail(error)
        return false
      }
      for entry in entries { try reply.append(entry) }
    }
    return true
  }
}

extension ScanLock {
  /// Locks found at a time.
  private static let batchSize = 256

  /// All locks, with a bound of their bytes.
  func execute(_ reader: any KVReader, maxBytes: Int) throws(ReadError) -> [LockInfo] {
    var batch = self
    var locks: [LockInfo] = []
    var bytes = 0
    while limit == 0 || locks.count < limit {
      guard !batch.range.isEmpty else { break }
      batch.limit = limit == 0 ? Self.batchSize : min(Self.batchSize, limit - locks.count)
      let found = try ReadError.run { () throws(TransactionError) in try batch.execute(reader) }
      bytes += found.reduce(0) { $0 + $1.bytes }
      do throws(StorageError) {
        try ReplyEntries.check(bytes, maxBytes)
      } catch {
        throw .storage(error)
      }
      locks += found
      guard found.count == batch.limit, let last = found.last else { break }
      batch.range.start = MVCCKey(last.key).encoded + [0]
    }
    return locks
  }
}
