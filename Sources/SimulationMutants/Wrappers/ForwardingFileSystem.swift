import Runtime

/// A file system that forwards everything to another one: what a mutant changes, a type implements itself.
protocol ForwardingFileSystem: FileSystem {
  /// Where everything goes that the type does not implement.
  var base: any FileSystem { get }
}

extension ForwardingFileSystem {
  func createDirectory(_ path: String) throws(FileSystemError) { try base.createDirectory(path) }
  func list(_ directory: String) throws(FileSystemError) -> [String] { try base.list(directory) }
  func size(of path: String) throws(FileSystemError) -> UInt64? { try base.size(of: path) }

  func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    try base.modificationTime(of: path)
  }

  func remove(_ path: String) throws(FileSystemError) { try base.remove(path) }
  func removeTree(_ path: String) throws(FileSystemError) { try base.removeTree(path) }

  func rename(_ source: String, to target: String) throws(FileSystemError) {
    try base.rename(source, to: target)
  }

  func syncDirectory(_ path: String) throws(FileSystemError) { try base.syncDirectory(path) }
  func syncFile(_ path: String) throws(FileSystemError) { try base.syncFile(path) }

  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile {
    try base.create(path, exclusive: exclusive)
  }

  func open(_ path: String) throws(FileSystemError) -> any ReadableFile { try base.open(path) }
}
