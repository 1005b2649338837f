import CRocksDB

/// An error of RocksDB. Its C interface reports errors as text only, from which `kind` is derived.
package struct RocksDBError: Error, Sendable, Hashable {
  /// RocksDB's status codes, with I/O errors divided by cause.
  package enum Kind: Sendable, Hashable {
    /// Stored data is not what was written.
    case corruption
    /// Any other error of the disk.
    case io
    /// The file system is full.
    case noSpace
    /// The directory may not be read or written.
    case denied
    /// The directory is in use by another process or another `DB` of this one.
    case locked
    /// The call is invalid.
    case invalid
    /// The database or a file is missing.
    case notFound
    /// A read of memory only would have to read a file.
    case incomplete
    case other
  }

  /// The operation that failed, with its path if it has one.
  package var operation: String
  /// RocksDB's message.
  package var message: String
  package var kind: Kind

  package init(operation: String, message: String) {
    self.operation = operation
    self.message = message
    kind = Kind(of: message)
  }
}

extension RocksDBError: CustomStringConvertible {
  package var description: String { "\(operation): \(message)" }
}

extension RocksDBError.Kind {
  /// Classifies a message. RocksDB's status code is the text before the first colon.
  init(of message: String) {
    if message.hasPrefix("Corruption") {
      self = .corruption
    } else if message.hasPrefix("Invalid argument") || message.hasPrefix("Not implemented") {
      self = message.contains("does not exist (create_if_missing is false)") ? .notFound : .invalid
    } else if message.hasPrefix("NotFound") {
      self = .notFound
    } else if message.hasPrefix("Result incomplete") {
      self = .incomplete
    } else if message.hasPrefix("Resource busy") {
      self = .locked
    } else if message.hasPrefix("IO error") {
      self = Self.classifyIO(message)
    } else {
      self = .other
    }
  }

  private static func classifyIO(_ message: String) -> Self {
    let patterns: [(String, Self)] = [
      ("/LOCK: Resource temporarily unavailable", .locked),
      ("lock hold by current process", .locked),
      ("lock file", .locked),
      ("No space left on device", .noSpace),
      ("Disk quota exceeded", .noSpace),
      ("Permission denied", .denied),
      ("Read-only file system", .denied),
      ("Operation not permitted", .denied),
      ("No such file or directory", .notFound),
    ]
    // A lock file that may not be opened is denied, not locked.
    let denied = patterns.first { $0.1 == .denied && message.contains($0.0) }
    return denied?.1 ?? patterns.first { message.contains($0.0) }?.1 ?? .io
  }
}

/// An out parameter of RocksDB's C functions: the error text, which the caller must free.
typealias ErrorSlot = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Calls a C function with an error out parameter, and throws the error.
func check<R>(
  _ operation: @autoclosure () -> String, _ body: (ErrorSlot) -> R
) throws(RocksDBError) -> R {
  var message: UnsafeMutablePointer<CChar>?
  let result = body(&message)
  guard let message else { return result }
  defer { rocksdb_free(message) }
  throw RocksDBError(operation: operation(), message: String(cString: message))
}

extension UnsafeRawBufferPointer {
  /// The address as C's `char`.
  var chars: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}
