package import Runtime
import Synchronization

/// Files in memory that are written in place, for a segment log: below all faults.
///
/// Contents survive a crash of the machine up to the last sync of the file; of each later write any sectors. Names survive
/// up to the last sync of the directory, or all. A bit may turn over: reads return it changed until it is written again.
package final class SimulatedLogFiles: RandomAccessFileSystem {
  /// What a disk writes as a whole, in bytes.
  private static let sector = 512

  fileprivate final class Node: Sendable {
    struct Content {
      var bytes: [UInt8] = []
      /// As of the last sync.
      var durable: [UInt8] = []
      /// Since the last sync.
      var writes: [(offset: Int, bytes: [UInt8])] = []
      /// The bit that has turned over.
      var decay: (offset: Int, mask: UInt8)?
      /// The owner of the lock; nil: there is none.
      var owner: UInt64?
    }

    let content = Mutex(Content())
  }

  private struct State {
    var files: [String: Node] = [:]
    /// As of the last sync of their directories.
    var durable: [String: Node] = [:]
    var locks: UInt64 = 0
    var hasReadDecay = false
  }

  private let state = Mutex(State())

  package init() {}

  // MARK: Faults

  /// What a crash of the machine leaves. Open files are those of the old object.
  func crash(_ random: inout SplitMix64) -> SimulatedLogFiles {
    let keepsNames = random.next() & 1 == 0
    let survival = random.next() % 3
    let names = state.withLock { keepsNames ? $0.files : $0.durable }
    let left = SimulatedLogFiles()
    for (name, node) in names.sorted(by: { $0.key < $1.key }) {
      let content = node.content.withLock { $0 }
      var bytes = content.durable
      for write in content.writes {
        for start in stride(from: 0, to: write.bytes.count, by: Self.sector) {
          // All, some or none of the sectors.
          let isKept = survival == 0 || (survival == 1 && random.next() & 1 == 0)
          guard isKept else { continue }
          let end = min(start + Self.sector, write.bytes.count)
          Self.put(write.bytes[start..<end], at: write.offset + start, in: &bytes)
        }
      }
      left.place(name, bytes, content.decay)
    }
    return left
  }

  /// The same files, whose locks are free.
  func copy() -> SimulatedLogFiles {
    let copy = SimulatedLogFiles()
    for (name, node) in state.withLock({ $0.files }) {
      let content = node.content.withLock { $0 }
      copy.place(name, content.bytes, content.decay)
    }
    return copy
  }

  private func place(_ name: String, _ bytes: [UInt8], _ decay: (offset: Int, mask: UInt8)?) {
    let node = Node()
    node.content.withLock {
      $0.bytes = bytes
      $0.durable = bytes
      $0.decay = decay
    }
    state.withLock { state in
      state.files[name] = node
      state.durable[name] = node
    }
  }

  /// The process that has locked files is gone.
  func unlock() {
    for node in state.withLock({ Array($0.files.values) }) {
      node.content.withLock { $0.owner = nil }
    }
  }

  /// Turns one bit of a file over. False if it has no such byte.
  func decay(_ path: String, offset: UInt64, bit: UInt64) -> Bool {
    guard let node = node(path) else { return false }
    return node.content.withLock { content in
      guard offset < content.bytes.count else { return false }
      content.decay = (Int(offset), 1 << UInt8(bit % 8))
      return true
    }
  }

  /// Whether a bit that has turned over was not written again, in a file that is still there.
  var hasDecay: Bool {
    state.withLock { Array($0.files.values) }.contains { $0.content.withLock { $0.decay != nil } }
  }

  /// Every bit is as it was written.
  func heal() {
    for node in state.withLock({ Array($0.files.values) }) {
      node.content.withLock { $0.decay = nil }
    }
  }

  /// Whether a bit that has turned over was read since the last call.
  func takeReadDecay() -> Bool {
    state.withLock { state in
      defer { state.hasReadDecay = false }
      return state.hasReadDecay
    }
  }

  fileprivate func noteReadDecay() { state.withLock { $0.hasReadDecay = true } }

  // MARK: FileSystem

  private func node(_ path: String) -> Node? { state.withLock { $0.files[path] } }

  private func found(_ path: String, _ operation: String) throws(FileSystemError) -> Node {
    if let node = node(path) { return node }
    throw FileSystemError(
      operation: operation, path: path, code: 2, reason: "No such file or directory")
  }

  fileprivate static func put(_ piece: ArraySlice<UInt8>, at offset: Int, in bytes: inout [UInt8]) {
    let end = offset + piece.count
    if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.replaceSubrange(offset..<end, with: piece)
  }

  /// Directories need not be created.
  package func createDirectory(_ path: String) throws(FileSystemError) {}

  package func list(_ directory: String) throws(FileSystemError) -> [String] {
    let prefix = directory + "/"
    return state.withLock { $0.files.keys.filter { $0.hasPrefix(prefix) } }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  package func size(of path: String) throws(FileSystemError) -> UInt64? {
    node(path).map { $0.content.withLock { UInt64($0.bytes.count) } }
  }

  package func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    node(path).map { _ in 0 }
  }

  package func remove(_ path: String) throws(FileSystemError) {
    state.withLock { $0.files[path] = nil }
  }

  package func removeTree(_ path: String) throws(FileSystemError) {
    for name in try list(path) { try remove(path + "/" + name) }
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    let node = try found(source, "rename")
    state.withLock { state in
      state.files[source] = nil
      state.files[target] = node
    }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    let prefix = path + "/"
    state.withLock { state in
      state.durable = state.durable.filter { !$0.key.hasPrefix(prefix) }
      for (name, node) in state.files where name.hasPrefix(prefix) { state.durable[name] = node }
    }
  }

  package func syncFile(_ path: String) throws(FileSystemError) {
    try SimulatedLogFile(self, try found(path, "sync")).sync()
  }

  package func create(
    _ path: String, exclusive: Bool
  ) throws(FileSystemError) -> any WritableFile {
    let node = Node()
    state.withLock { $0.files[path] = node }
    return SimulatedLogFile(self, node)
  }

  package func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    SimulatedLogFile(self, try found(path, "open"))
  }

  package func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    if create, node(path) == nil { _ = try self.create(path, exclusive: true) }
    return SimulatedLogFile(self, try found(path, "open"))
  }

  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    if node(path) == nil { _ = try create(path, exclusive: true) }
    let node = try found(path, "lock")
    let owner = state.withLock { state in
      state.locks += 1
      return state.locks
    }
    let isFree = node.content.withLock { content in
      guard content.owner == nil else { return false }
      content.owner = owner
      return true
    }
    return isFree ? Lock(node, owner) : nil
  }

  private final class Lock: FileLock {
    private let node: Node
    private let owner: UInt64

    init(_ node: Node, _ owner: UInt64) {
      self.node = node
      self.owner = owner
    }

    deinit {
      node.content.withLock { content in
        // The lock of a dead process may be another's meanwhile.
        if content.owner == owner { content.owner = nil }
      }
    }
  }
}

/// An open file of `SimulatedLogFiles`.
private final class SimulatedLogFile: RandomAccessFile, WritableFile, ReadableFile {
  private let files: SimulatedLogFiles
  private let node: SimulatedLogFiles.Node

  init(_ files: SimulatedLogFiles, _ node: SimulatedLogFiles.Node) {
    self.files = files
    self.node = node
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    let (bytes, isDecayed) = node.content.withLock { content -> ([UInt8], Bool) in
      guard offset < content.bytes.count else { return ([], false) }
      let start = Int(offset)
      var bytes = Array(content.bytes[start..<min(start + count, content.bytes.count)])
      guard let decay = content.decay, decay.offset >= start, decay.offset < start + bytes.count
      else { return (bytes, false) }
      bytes[decay.offset - start] ^= decay.mask
      return (bytes, true)
    }
    if isDecayed { files.noteReadDecay() }
    return bytes
  }

  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    let bytes = copy bytes
    let start = Int(offset)
    node.content.withLock { content in
      SimulatedLogFiles.put(bytes[...], at: start, in: &content.bytes)
      content.writes.append((start, bytes))
      if let decay = content.decay, (start..<start + bytes.count).contains(decay.offset) {
        content.decay = nil
      }
    }
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    try write(bytes, at: try size())
  }

  func sync() throws(FileSystemError) {
    node.content.withLock { content in
      content.durable = content.bytes
      content.writes = []
    }
  }

  func truncate(to size: UInt64) throws(FileSystemError) {
    node.content.withLock { content in
      let bytes = Array(content.bytes.prefix(Int(size)))
      content.bytes = bytes + [UInt8](repeating: 0, count: Int(size) - bytes.count)
      content.durable = content.bytes
      content.writes = []
    }
  }

  func size() throws(FileSystemError) -> UInt64 {
    node.content.withLock { UInt64($0.bytes.count) }
  }
}
