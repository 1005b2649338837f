import Synchronization

/// Files in memory, for tests and simulation. It keeps track of what was synced, so that a simulated crash can
/// lose the rest. Any thread may call.
package final class MemoryFileSystem: FileSystem {
  /// One file: an inode. A class, so that an open file stays valid after a rename or removal.
  fileprivate final class Node: Sendable {
    struct Content {
      var bytes: [UInt8] = []
      /// The length of the prefix that survives a crash.
      var syncedCount = 0
      /// Milliseconds since 1970.
      var modified: UInt64 = 0
    }

    let content = Mutex(Content())
  }

  private struct State {
    var files: [String: Node] = [:]
    /// Directory entries as of the last directory sync: those that survive a crash.
    var durable: [String: Node] = [:]
    var directories: Set<String> = ["", "/"]
  }

  private let state = Mutex(State())
  private let clock: (any Clock)?

  /// - Parameter clock: the source of modification times; nil: they are 0.
  package init(clock: (any Clock)? = nil) {
    self.clock = clock
  }

  /// Simulates a crash of the machine: undoes what was not synced, which is contents after the last sync of
  /// their file, and creations, renames and removals after the last sync of their directory.
  ///
  /// - Parameters:
  ///   - keepsNames: whether directories survive as they are, synced or not.
  ///   - tail: how many of the given number of unsynced bytes at the end of a file survive. Called once per
  ///     file, in order of their names.
  package func crash(keepsNames: Bool = false, tail: (Int) -> Int = { _ in 0 }) {
    state.withLock { state in
      if keepsNames { state.durable = state.files } else { state.files = state.durable }
      for (_, node) in state.files.sorted(by: { $0.key < $1.key }) {
        node.content.withLock { content in
          let unsynced = content.bytes.count - content.syncedCount
          if unsynced > 0 { content.bytes.removeLast(unsynced - min(unsynced, tail(unsynced))) }
          content.syncedCount = content.bytes.count
        }
      }
    }
  }

  /// Flips one bit of a file, as decay of a disk may. The bit number is taken modulo the size. False if the file
  /// is missing or empty.
  package func flipBit(_ bit: UInt64, of path: String) -> Bool {
    guard let node = node(path) else { return false }
    return node.content.withLock { content in
      guard !content.bytes.isEmpty else { return false }
      let offset = Int(bit / 8 % UInt64(content.bytes.count))
      content.bytes[offset] ^= 1 << (bit % 8)
      return true
    }
  }

  package func createDirectory(_ path: String) throws(FileSystemError) {
    state.withLock { state in
      var prefix = path[...]
      while !prefix.isEmpty {
        state.directories.insert(String(prefix))
        guard let slash = prefix.lastIndex(of: "/") else { break }
        prefix = prefix[..<slash]
      }
    }
  }

  package func list(_ directory: String) throws(FileSystemError) -> [String] {
    let names: [String]? = state.withLock { state in
      guard state.directories.contains(directory) else { return nil }
      let prefix = directory + "/"
      return (Array(state.files.keys) + Array(state.directories))
        .filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
        .map { String($0.dropFirst(prefix.count)) }
        .filter { !$0.isEmpty }
        .sorted()
    }
    guard let names else { throw Self.missing("list", directory) }
    return names
  }

  package func size(of path: String) throws(FileSystemError) -> UInt64? {
    node(path).map { $0.content.withLock { UInt64($0.bytes.count) } }
  }

  package func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    node(path).map { $0.content.withLock { $0.modified } }
  }

  package func remove(_ path: String) throws(FileSystemError) {
    state.withLock { $0.files[path] = nil }
  }

  package func removeTree(_ path: String) throws(FileSystemError) {
    state.withLock { state in
      let prefix = path + "/"
      state.files = state.files.filter { $0.key != path && !$0.key.hasPrefix(prefix) }
      state.directories = state.directories.filter { $0 != path && !$0.hasPrefix(prefix) }
    }
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    let found = state.withLock { state in
      guard let node = state.files.removeValue(forKey: source) else { return false }
      state.files[target] = node
      return true
    }
    if !found { throw Self.missing("rename", source) }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    state.withLock { state in
      let prefix = path + "/"
      state.durable = state.durable.filter { !$0.key.hasPrefix(prefix) }
      for (name, node) in state.files where name.hasPrefix(prefix) { state.durable[name] = node }
    }
  }

  package func syncFile(_ path: String) throws(FileSystemError) {
    guard let node = node(path) else { throw Self.missing("sync", path) }
    node.content.withLock { $0.syncedCount = $0.bytes.count }
  }

  package func create(
    _ path: String, exclusive: Bool
  ) throws(FileSystemError) -> any WritableFile {
    let node = state.withLock { state -> Node? in
      if exclusive && state.files[path] != nil { return nil }
      let node = Node()
      state.files[path] = node
      return node
    }
    guard let node else {
      throw FileSystemError(operation: "create", path: path, code: 17, reason: "File exists")
    }
    return MemoryFile(node, clock: clock)
  }

  package func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    guard let node = node(path) else { throw Self.missing("open", path) }
    return MemoryFile(node, clock: clock)
  }

  private func node(_ path: String) -> Node? {
    state.withLock { $0.files[path] }
  }

  private static func missing(_ operation: String, _ path: String) -> FileSystemError {
    FileSystemError(
      operation: operation, path: path, code: 2, reason: "No such file or directory")
  }
}

/// An open file of `MemoryFileSystem`.
private final class MemoryFile: WritableFile, ReadableFile {
  private let node: MemoryFileSystem.Node
  private let clock: (any Clock)?

  init(_ node: MemoryFileSystem.Node, clock: (any Clock)?) {
    self.node = node
    self.clock = clock
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    let bytes = copy bytes
    let now = clock?.wallMilliseconds ?? 0
    node.content.withLock { content in
      content.bytes += bytes
      content.modified = now
    }
  }

  func sync() throws(FileSystemError) {
    node.content.withLock { $0.syncedCount = $0.bytes.count }
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    node.content.withLock { content in
      guard offset < content.bytes.count else { return [] }
      return Array(content.bytes[Int(offset)...].prefix(count))
    }
  }
}
