/// How far a write must have travelled when the call that made it returns.
package enum Durability: Sendable, Hashable {
  /// Visible to readers of this process; a crash of the machine may lose it, as part of a suffix.
  case buffered
  /// On stable storage, together with everything written before it.
  case synced
}

/// Files as core code sees them: real in production, faulty and forgetful in simulation.
///
/// All paths are absolute or relative to the process; `/` separates. Calls block: they belong on workers
/// that may wait for a disk. Nothing is durable before the matching `sync`.
package protocol FileSystem: Sendable {
  /// Creates a directory and its parents; an existing one is fine.
  func createDirectory(_ path: String) throws(FileSystemError)
  /// Names in a directory, sorted.
  func list(_ directory: String) throws(FileSystemError) -> [String]
  /// Size in bytes, or nil when there is no such file.
  func size(of path: String) throws(FileSystemError) -> UInt64?
  /// Last modification, milliseconds since 1970, or nil when there is no such file.
  func modificationTime(of path: String) throws(FileSystemError) -> UInt64?
  /// Removes a file; a missing one is fine.
  func remove(_ path: String) throws(FileSystemError)
  /// Removes a directory and everything in it; a missing one is fine.
  func removeTree(_ path: String) throws(FileSystemError)
  /// Renames atomically, replacing the target.
  func rename(_ source: String, to target: String) throws(FileSystemError)
  /// Makes a directory's entries (creations, renames, removals) durable.
  func syncDirectory(_ path: String) throws(FileSystemError)
  /// Makes an existing file's contents durable.
  func syncFile(_ path: String) throws(FileSystemError)
  /// Creates a file for appending. With `exclusive`, an existing file is an error, else it is emptied.
  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile
  /// Opens a file for reading.
  func open(_ path: String) throws(FileSystemError) -> any ReadableFile
}

extension FileSystem {
  /// True when a file of that name exists.
  package func exists(_ path: String) throws(FileSystemError) -> Bool {
    try size(of: path) != nil
  }

  /// The whole content of a file.
  package func contents(of path: String) throws(FileSystemError) -> [UInt8] {
    let file = try open(path)
    var result: [UInt8] = []
    while true {
      let piece = try file.read(at: UInt64(result.count), upTo: 1 << 20)
      if piece.isEmpty { return result }
      result += piece
    }
  }
}

/// A file being written, by one owner. Closed when released.
package protocol WritableFile: AnyObject {
  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError)
  /// Makes what was appended durable.
  func sync() throws(FileSystemError)
}

/// A file being read, by one owner. Closed when released.
package protocol ReadableFile: AnyObject {
  /// Up to `count` bytes from `offset`; empty at the end of the file.
  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8]
}

/// A file operation that failed, with what it was doing and to what.
package struct FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
  package var operation: String
  package var path: String
  /// The system's error number.
  package var code: Int32
  package var reason: String

  package init(operation: String, path: String, code: Int32, reason: String) {
    self.operation = operation
    self.path = path
    self.code = code
    self.reason = reason
  }

  package var description: String { "\(operation) \(path): \(reason)" }
}
