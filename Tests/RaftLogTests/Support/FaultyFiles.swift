import Foundation
import Runtime
import Synchronization

/// Files in memory that a crash of the machine, a failing call or decay of the disk may hit.
///
/// Contents survive a crash up to the last sync of the file; of each later write a crash keeps any part, in units of 512
/// bytes, and a later change of size or not. Names survive up to the last sync of the directory, or all.
final class FaultyFiles: RandomAccessFileSystem {
  /// What becomes of one call that changes something.
  enum Fault: Sendable, CaseIterable {
    /// The machine stops before the call.
    case crashBefore
    /// It stops in the middle of a write; before any other call.
    case crashWithin
    /// It stops after the call.
    case crashAfter
    /// The call fails with `EIO`; a write has written its first half.
    case fails
    /// It fails with `ENOSPC` if it needs space: a write does, and creating a file.
    case isFull
  }

  /// What a crash keeps of the writes since the last sync.
  enum Survival: Sendable, CaseIterable {
    case nothing, everything, some
  }

  /// A change of a file since its last sync.
  enum Change: Sendable {
    case write(offset: Int, bytes: [UInt8])
    case resize(Int)
  }

  final class Node: Sendable {
    struct Content {
      var bytes: [UInt8] = []
      var durable: [UInt8] = []
      var changes: [Change] = []
      var isLocked = false
    }

    let content = Mutex(Content())
  }

  private struct State {
    var files: [String: Node] = [:]
    var durable: [String: Node] = [:]
    var directories: Set<String> = []
    /// Renamed directories whose parent was not synced since.
    var moves: [(from: String, to: String)] = []
    /// Calls so far that change something.
    var calls = 0
    var syncs = 0
    var plan: (call: Int, fault: Fault)?
    /// Whether every call fails from now on.
    var isCrashed = false
    /// Bytes left on the disk; nil: any number.
    var space: Int?
    /// How long a barrier takes.
    var slowSync: Duration?
  }

  private let state = Mutex(State())

  /// The number of calls that change something.
  var calls: Int { state.withLock { $0.calls } }
  /// The number of successful barriers.
  var syncs: Int { state.withLock { $0.syncs } }
  var isCrashed: Bool { state.withLock { $0.isCrashed } }

  /// How long each barrier takes, so that writers meet.
  var slowSync: Duration? {
    get { state.withLock { $0.slowSync } }
    set { state.withLock { $0.slowSync = newValue } }
  }

  func plan(_ fault: Fault, at call: Int) {
    state.withLock { $0.plan = (call, fault) }
  }

  /// Lets the disk hold this many more bytes; nil: any number.
  func limitSpace(_ bytes: Int?) {
    state.withLock { $0.space = bytes }
  }

  /// The files as a restart after a crash finds them.
  func survivors(
    _ survival: Survival, keepsNames: Bool, _ random: inout SplitMix64
  ) -> FaultyFiles {
    let (names, directories) = state.withLock { state in
      state.isCrashed = true
      return (keepsNames ? state.files : state.durable, state.directories)
    }
    let copy = FaultyFiles()
    for (name, node) in names.sorted(by: { $0.key < $1.key }) {
      let content = node.content.withLock { $0 }
      var bytes = content.durable
      for change in content.changes { Self.apply(change, survival, to: &bytes, &random) }
      copy.place(bytes, at: name)
    }
    copy.state.withLock { $0.directories.formUnion(directories) }
    return copy
  }

  /// Applies what a crash keeps of a change.
  private static func apply(
    _ change: Change, _ survival: Survival, to bytes: inout [UInt8], _ random: inout SplitMix64
  ) {
    switch (change, survival) {
    case (_, .nothing): break
    case (.write(let offset, let written), .everything): put(written, at: offset, in: &bytes)
    case (.write(let offset, let written), .some):
      for start in stride(from: 0, to: written.count, by: 512)
      where Bool.random(using: &random) {
        let piece = Array(written[start..<min(start + 512, written.count)])
        put(piece, at: offset + start, in: &bytes)
      }
    case (.resize(let size), .everything): resize(&bytes, size)
    case (.resize(let size), .some): if Bool.random(using: &random) { resize(&bytes, size) }
    }
  }

  fileprivate static func resize(_ bytes: inout [UInt8], _ size: Int) {
    bytes = bytes.prefix(size) + [UInt8](repeating: 0, count: max(0, size - bytes.count))
  }

  /// A copy of everything.
  func copy() -> FaultyFiles {
    let (files, directories) = state.withLock { ($0.files, $0.directories) }
    let copy = FaultyFiles()
    for (name, node) in files { copy.place(node.content.withLock { $0.bytes }, at: name) }
    copy.state.withLock { $0.directories.formUnion(directories) }
    return copy
  }

  /// Puts a durable file in place.
  func place(_ bytes: [UInt8], at path: String) {
    let node = Node()
    node.content.withLock {
      $0.bytes = bytes
      $0.durable = bytes
    }
    state.withLock { state in
      state.files[path] = node
      state.durable[path] = node
      state.directories.formUnion(Self.ancestors(of: path))
    }
  }

  private static func ancestors(of path: String) -> [String] {
    var found: [String] = []
    var rest = path
    while let slash = rest.lastIndex(of: "/"), slash > rest.startIndex {
      rest = String(rest[..<slash])
      found.append(rest)
    }
    return found
  }

  private static func parent(of path: String) -> String {
    ancestors(of: path).first ?? "/"
  }

  /// The contents of a file; nil if there is none.
  func bytes(of path: String) -> [UInt8]? {
    state.withLock { $0.files[path] }.map { $0.content.withLock { $0.bytes } }
  }

  /// All files.
  var paths: [String] { state.withLock { $0.files.keys.sorted() } }

  fileprivate static func put(_ piece: [UInt8], at offset: Int, in bytes: inout [UInt8]) {
    if bytes.count < offset + piece.count {
      bytes += [UInt8](repeating: 0, count: offset + piece.count - bytes.count)
    }
    bytes.replaceSubrange(offset..<offset + piece.count, with: piece)
  }

  private static func error(
    _ operation: String, _ path: String, _ code: Int32, _ reason: String
  ) -> FileSystemError {
    FileSystemError(operation: operation, path: path, code: code, reason: reason)
  }

  /// Counts a call and performs it as planned.
  ///
  /// - Parameters:
  ///   - growth: bytes of space that it needs.
  ///   - half: performs the call in part.
  fileprivate func change(
    _ operation: String, _ path: String, growth: Int = 0, half: () -> Void = {},
    _ body: () throws(FileSystemError) -> Void
  ) throws(FileSystemError) {
    let fault: Fault? = try state.withLock { (state) throws(FileSystemError) in
      if state.isCrashed { throw Self.error(operation, path, 5, "crashed") }
      state.calls += 1
      if let space = state.space {
        guard growth <= space else { throw Self.error(operation, path, 28, "disk full") }
        state.space = space - growth
      }
      guard let plan = state.plan, plan.call == state.calls else { return nil }
      if plan.fault == .crashBefore || plan.fault == .crashWithin { state.isCrashed = true }
      return plan.fault
    }
    switch fault {
    case .crashBefore: throw Self.error(operation, path, 5, "crashed")
    case .crashWithin:
      half()
      throw Self.error(operation, path, 5, "crashed")
    case .fails:
      half()
      throw Self.error(operation, path, 5, "input/output error")
    case .isFull where operation == "write" || operation == "create":
      throw Self.error(operation, path, 28, "disk full")
    case .crashAfter:
      try body()
      state.withLock { $0.isCrashed = true }
      throw Self.error(operation, path, 5, "crashed")
    case .isFull, nil: try body()
    }
  }

  fileprivate func countSync() {
    let duration = state.withLock { state in
      state.syncs += 1
      return state.slowSync
    }
    if let duration { usleep(UInt32(duration.components.attoseconds / 1_000_000_000_000)) }
  }

  private func node(_ path: String) -> Node? { state.withLock { $0.files[path] } }

  private func found(_ path: String, _ operation: String) throws(FileSystemError) -> Node {
    guard let node = node(path) else {
      throw Self.error(operation, path, 2, "No such file or directory")
    }
    return node
  }

  // MARK: FileSystem

  func createDirectory(_ path: String) throws(FileSystemError) {
    if state.withLock({ $0.directories.contains(path) }) { return }
    try change("create directory", path) { () throws(FileSystemError) in
      state.withLock { $0.directories.formUnion([path] + Self.ancestors(of: path)) }
    }
  }

  func list(_ directory: String) throws(FileSystemError) -> [String] {
    let prefix = directory + "/"
    return state.withLock { state in
      let below = Array(state.files.keys) + Array(state.directories)
      let names = below.filter { $0.hasPrefix(prefix) }.map { path in
        String(path.dropFirst(prefix.count).prefix { $0 != "/" })
      }
      return Set(names).sorted()
    }
  }

  func size(of path: String) throws(FileSystemError) -> UInt64? {
    if let node = node(path) { return node.content.withLock { UInt64($0.bytes.count) } }
    return state.withLock { $0.directories.contains(path) } ? 0 : nil
  }

  func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    node(path).map { _ in 0 }
  }

  func remove(_ path: String) throws(FileSystemError) {
    try change("remove", path) { () throws(FileSystemError) in
      state.withLock { $0.files[path] = nil }
    }
  }

  func removeTree(_ path: String) throws(FileSystemError) {
    if node(path) != nil { try remove(path) }
    for name in try list(path) { try removeTree(path + "/" + name) }
    guard state.withLock({ $0.directories.contains(path) }) else { return }
    try change("remove", path) { () throws(FileSystemError) in
      state.withLock { _ = $0.directories.remove(path) }
    }
  }

  func rename(_ source: String, to target: String) throws(FileSystemError) {
    let isDirectory = state.withLock { $0.directories.contains(source) }
    let node = isDirectory ? Node() : try found(source, "rename")
    try change("rename", source) { () throws(FileSystemError) in
      state.withLock { state in
        if isDirectory {
          Self.move(&state.files, source, target)
          state.directories = Set(state.directories.map { Self.moved($0, source, target) })
          state.moves.append((source, target))
        } else {
          state.files[source] = nil
          state.files[target] = node
        }
      }
    }
  }

  private static func moved(_ path: String, _ source: String, _ target: String) -> String {
    guard path == source || path.hasPrefix(source + "/") else { return path }
    return target + path.dropFirst(source.count)
  }

  private static func move(_ files: inout [String: Node], _ source: String, _ target: String) {
    files = Dictionary(
      uniqueKeysWithValues: files.map { (moved($0.key, source, target), $0.value) })
  }

  func syncDirectory(_ path: String) throws(FileSystemError) {
    try change("sync", path) { () throws(FileSystemError) in
      state.withLock { state in
        // Renames of directories in here are durable; those of others are not yet.
        for move in state.moves where Self.parent(of: move.to) == path {
          state.durable = state.durable.filter { !$0.key.hasPrefix(move.to + "/") }
          Self.move(&state.durable, move.from, move.to)
        }
        state.moves.removeAll { Self.parent(of: $0.to) == path }
        // Where the directory itself is after a crash.
        let place = state.moves.reversed().reduce(path) { Self.moved($0, $1.to, $1.from) }
        let (prefix, parent) = (path + "/", Self.parent(of:))
        let directories = state.directories
        state.durable = state.durable.filter { name, _ in
          if parent(name) == place { return false }
          guard place == path, name.hasPrefix(prefix) else { return true }
          // What was in a removed directory.
          return directories.contains(parent(name))
        }
        for (name, node) in state.files where parent(name) == path {
          state.durable[place + name.dropFirst(path.count)] = node
        }
      }
    }
  }

  func syncFile(_ path: String) throws(FileSystemError) {
    try FaultyFile(self, try found(path, "sync"), path).sync()
  }

  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile {
    try change("create", path) { () throws(FileSystemError) in
      state.withLock { $0.files[path] = Node() }
    }
    return FaultyFile(self, try found(path, "create"), path)
  }

  func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    FaultyFile(self, try found(path, "open"), path)
  }

  // MARK: RandomAccessFileSystem

  func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    if create, node(path) == nil { _ = try self.create(path, exclusive: true) }
    return FaultyFile(self, try found(path, "open"), path)
  }

  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    if node(path) == nil { _ = try create(path, exclusive: true) }
    let node = try found(path, "lock")
    let locked = node.content.withLock { content in
      defer { content.isLocked = true }
      return !content.isLocked
    }
    return locked ? Lock(node) : nil
  }

  private final class Lock: FileLock {
    let node: Node

    init(_ node: Node) {
      self.node = node
    }

    deinit {
      node.content.withLock { $0.isLocked = false }
    }
  }
}

/// An open file of `FaultyFiles`.
private final class FaultyFile: RandomAccessFile, WritableFile, ReadableFile {
  private let files: FaultyFiles
  private let node: FaultyFiles.Node
  private let path: String

  init(_ files: FaultyFiles, _ node: FaultyFiles.Node, _ path: String) {
    self.files = files
    self.node = node
    self.path = path
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    node.content.withLock { content in
      guard offset < content.bytes.count else { return [] }
      let end = min(Int(offset) + count, content.bytes.count)
      return Array(content.bytes[Int(offset)..<end])
    }
  }

  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    let bytes = copy bytes
    let offset = Int(offset)
    let growth = max(0, offset + bytes.count - node.content.withLock { $0.bytes.count })
    func put(_ piece: [UInt8]) {
      node.content.withLock { content in
        FaultyFiles.put(piece, at: offset, in: &content.bytes)
        content.changes.append(.write(offset: offset, bytes: piece))
      }
    }
    try files.change(
      "write", path, growth: growth, half: { put(Array(bytes.prefix(bytes.count / 2))) }
    ) { () throws(FileSystemError) in put(bytes) }
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    try write(bytes, at: UInt64(node.content.withLock { $0.bytes.count }))
  }

  func sync() throws(FileSystemError) {
    try files.change("sync", path) { () throws(FileSystemError) in
      node.content.withLock { content in
        content.durable = content.bytes
        content.changes = []
      }
      files.countSync()
    }
  }

  func truncate(to size: UInt64) throws(FileSystemError) {
    try files.change("truncate", path) { () throws(FileSystemError) in
      node.content.withLock { content in
        FaultyFiles.resize(&content.bytes, Int(size))
        content.changes.append(.resize(Int(size)))
      }
    }
  }

  func size() throws(FileSystemError) -> UInt64 {
    node.content.withLock { UInt64($0.bytes.count) }
  }
}
