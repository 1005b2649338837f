import CRocksDB

/// An error RocksDB has told in words; `kind` is what its first words classify it as.
package struct RocksDBError: Error, Sendable, Hashable {
  /// RocksDB's status code.
  package enum Kind: Sendable, Hashable {
    /// Stored bytes are not what was written.
    case corruption
    case io
    /// The file system is full.
    case noSpace
    /// The directory may not be read or written.
    case denied
    /// Another process, or another handle of this one, has the directory.
    case locked
    /// The call makes no sense.
    case invalid
    case notFound
    /// A read that may not touch files would have had to.
    case incomplete
    case other
  }

  /// What was being done, and to which path where there is one.
  package var operation: String
  /// RocksDB's own words.
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
  /// RocksDB's status code survives its C interface only as the words before the first colon.
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
    let tells: [(String, Self)] = [
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
    // The lock file may also be what cannot be opened; then the reason is what counts.
    let denied = tells.first { $0.1 == .denied && message.contains($0.0) }
    return denied?.1 ?? tells.first { message.contains($0.0) }?.1 ?? .io
  }
}

/// The place where RocksDB's C functions put an error string that the caller must free.
typealias ErrorSlot = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Calls a C function that reports errors through a string, and throws that string.
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
