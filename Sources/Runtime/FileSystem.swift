/// What a write guarantees when its call returns.
package enum Durability: Sendable, Hashable {
  /// Visible to readers of this process, and survives its end. A crash of the machine may lose it, and then
  /// loses every later write too.
  case buffered
  /// On stable storage, with everything written before it.
  case synced
}

/// The file operations that core code uses: POSIX calls in production, memory with injected faults in
/// simulation.
///
/// Paths are absolute or relative to the working directory; `/` separates. Any thread may call. Calls block
/// on the disk. Nothing is durable before the matching sync: of contents `WritableFile.sync` or `syncFile`,
/// of names `syncDirectory`.
package protocol FileSystem: Sendable {
  /// Creates a directory and its parents. An existing one is no error.
  func createDirectory(_ path: String) throws(FileSystemError)
  /// Names in a directory, sorted.
  func list(_ directory: String) throws(FileSystemError) -> [String]
  /// The size in bytes; nil if there is no such file.
  func size(of path: String) throws(FileSystemError) -> UInt64?
  /// The last modification in milliseconds since 1970; nil if there is no such file.
  func modificationTime(of path: String) throws(FileSystemError) -> UInt64?
  /// Removes a file. A missing one is no error.
  func remove(_ path: String) throws(FileSystemError)
  /// Removes a directory with everything in it, or a file. A missing one is no error.
  func removeTree(_ path: String) throws(FileSystemError)
  /// Renames a file atomically, replacing the target.
  func rename(_ source: String, to target: String) throws(FileSystemError)
  /// Makes the creations, renames and removals in a directory durable.
  func syncDirectory(_ path: String) throws(FileSystemError)
  /// Makes the contents of an existing file durable.
  func syncFile(_ path: String) throws(FileSystemError)
  /// Creates a file for appending. An existing one is an error if `exclusive`, else it is truncated.
  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile
  /// Opens a file for reading.
  func open(_ path: String) throws(FileSystemError) -> any ReadableFile
}

extension FileSystem {
  /// Whether a file of that name exists.
  package func exists(_ path: String) throws(FileSystemError) -> Bool {
    try size(of: path) != nil
  }

  /// The contents of a file. For small files: nothing bounds them.
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

/// A file being written by one owner, on one thread at a time. Closed when released.
package protocol WritableFile: AnyObject {
  /// Writes all bytes to the end of the file.
  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError)
  /// Makes everything appended so far durable. After an error the file's contents are unknown.
  func sync() throws(FileSystemError)
}

/// A file being read by one owner, on one thread at a time. Closed when released.
package protocol ReadableFile: AnyObject {
  /// The bytes from `offset`: `count`, or fewer at the end of the file; empty beyond it.
  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8]
}

/// A failed file operation.
package struct FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The operation in a word or two: "open", "create directory".
  package var operation: String
  package var path: String
  /// `errno`.
  package var code: Int32
  /// The text of `code`.
  package var reason: String

  package init(operation: String, path: String, code: Int32, reason: String) {
    self.operation = operation
    self.path = path
    self.code = code
    self.reason = reason
  }

  package var description: String { "\(operation) \(path): \(reason)" }
}
