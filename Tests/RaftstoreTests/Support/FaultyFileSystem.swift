import Runtime
import Synchronization

/// A file system that stops working after so many calls, as if the process died there.
final class FaultyFileSystem: FileSystem {
  private struct Budget {
    var left: Int?
    var isExhausted = false
  }

  private let base: any FileSystem
  private let budget = Mutex(Budget())

  init(_ base: any FileSystem) { self.base = base }

  /// Lets so many more calls go well; nil for all.
  func stop(after calls: Int?) { budget.withLock { $0 = Budget(left: calls) } }

  /// Whether a call has failed since.
  var hasStopped: Bool { budget.withLock { $0.isExhausted } }

  fileprivate func spend(_ operation: String, _ path: String) throws(FileSystemError) {
    let isDead = budget.withLock { budget in
      guard let left = budget.left else { return false }
      if left == 0 { budget.isExhausted = true } else { budget.left = left - 1 }
      return left == 0
    }
    if isDead {
      throw FileSystemError(operation: operation, path: path, code: 5, reason: "injected")
    }
  }

  func createDirectory(_ path: String) throws(FileSystemError) {
    try spend("create directory", path)
    try base.createDirectory(path)
  }

  func list(_ directory: String) throws(FileSystemError) -> [String] {
    try spend("list", directory)
    return try base.list(directory)
  }

  func size(of path: String) throws(FileSystemError) -> UInt64? {
    try spend("stat", path)
    return try base.size(of: path)
  }

  func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    try spend("stat", path)
    return try base.modificationTime(of: path)
  }

  func remove(_ path: String) throws(FileSystemError) {
    try spend("remove", path)
    try base.remove(path)
  }

  func removeTree(_ path: String) throws(FileSystemError) {
    try spend("remove", path)
    try base.removeTree(path)
  }

  func rename(_ source: String, to target: String) throws(FileSystemError) {
    try spend("rename", source)
    try base.rename(source, to: target)
  }

  func syncDirectory(_ path: String) throws(FileSystemError) {
    try spend("sync", path)
    try base.syncDirectory(path)
  }

  func syncFile(_ path: String) throws(FileSystemError) {
    try spend("sync", path)
    try base.syncFile(path)
  }

  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile {
    try spend("create", path)
    return FaultyFile(try base.create(path, exclusive: exclusive), path, self)
  }

  func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    try spend("open", path)
    return try base.open(path)
  }
}

private final class FaultyFile: WritableFile {
  private let base: any WritableFile
  private let path: String
  private let system: FaultyFileSystem

  init(_ base: any WritableFile, _ path: String, _ system: FaultyFileSystem) {
    self.base = base
    self.path = path
    self.system = system
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    try system.spend("write", path)
    try base.append(bytes)
  }

  func sync() throws(FileSystemError) {
    try system.spend("sync", path)
    try base.sync()
  }
}
