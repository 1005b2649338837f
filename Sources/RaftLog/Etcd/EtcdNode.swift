package import Raft
package import Runtime

/// The storage of one raft group as etcd keeps it: a WAL and snapshot files, and raft's `MemoryStorage`, which has the
/// entries since the last snapshot. One owner, on one thread at a time.
///
/// Durable first, then in memory: `save` and `saveSnapshot` write, then change `storage`.
package struct EtcdNode: Sendable {
  package private(set) var wal: EtcdWAL
  package let snapshotter: Snapshotter

  // MARK: Start and restart

  /// Starts a new node: creates the directories `<path>/wal` and `<path>/snap`. Its raft node is then started with the
  /// peers that it is to have, or without any if it joins a cluster.
  package static func start(
    _ path: String, _ files: any RandomAccessFileSystem, metadata: [UInt8],
    options: EtcdWAL.Options = EtcdWAL.Options()
  ) throws(EtcdWALError) -> (node: EtcdNode, storage: MemoryStorage) {
    let directory = EtcdDirectory(path: path, system: files)
    try directory.performing { (files) throws(FileSystemError) in
      try files.createDirectory(path + "/snap")
      try files.syncDirectory(path)
    }
    let wal = try EtcdWAL.create(path + "/wal", files, metadata: metadata, options: options)
    return (
      EtcdNode(wal: wal, snapshotter: Snapshotter(path + "/snap", files)), MemoryStorage()
    )
  }

  /// Whether there is a WAL: the node was started before.
  package static func exists(
    _ path: String, _ files: any RandomAccessFileSystem
  ) throws(EtcdWALError) -> Bool {
    try !EtcdDirectory(path: path + "/wal", system: files).segments().isEmpty
  }

  /// Restarts a node: from its newest snapshot that the WAL has a record of, and the entries and hard state behind it. An
  /// incomplete end of the WAL is cut off once.
  package static func restart(
    _ path: String, _ files: any RandomAccessFileSystem,
    options: EtcdWAL.Options = EtcdWAL.Options()
  ) throws(EtcdWALError) -> (node: EtcdNode, contents: EtcdContents, storage: MemoryStorage) {
    let snapshotter = Snapshotter(path + "/snap", files)
    let records = try EtcdWAL.validSnapshots(path + "/wal", files)
    var snapshot = Snapshot()
    do throws(EtcdWALError) {
      snapshot = try snapshotter.loadNewestAvailable(records)
    } catch {
      guard case .noSnapshot = error else { throw error }
    }
    let start = EtcdSnapshotRecord(index: snapshot.metadata.index, term: snapshot.metadata.term)
    let opened: (wal: EtcdWAL, contents: EtcdContents)
    do throws(EtcdWALError) {
      opened = try EtcdWAL.open(path + "/wal", files, at: start, options: options)
    } catch {
      guard case .torn = error, try EtcdWAL.repair(path + "/wal", files) else { throw error }
      opened = try EtcdWAL.open(path + "/wal", files, at: start, options: options)
    }
    let storage = MemoryStorage()
    do throws(LogStorageError) {
      if !snapshot.isEmpty { try storage.applySnapshot(snapshot) }
      storage.setHardState(opened.contents.hardState)
      try storage.append(opened.contents.entries)
    } catch {
      throw .damaged(path: path, offset: 0, reason: "the log does not fit its snapshot: \(error)")
    }
    let node = EtcdNode(wal: opened.wal, snapshotter: snapshotter)
    return (node, opened.contents, storage)
  }

  /// Restarts a node as the only member of its cluster, after the others are lost: drops the entries that are not
  /// committed, and appends and commits changes of the membership that remove the others.
  ///
  /// - Parameter id: the node's.
  package static func restartAsStandalone(
    _ path: String, _ files: any RandomAccessFileSystem, id: UInt64,
    options: EtcdWAL.Options = EtcdWAL.Options()
  ) throws(EtcdWALError) -> (node: EtcdNode, contents: EtcdContents, storage: MemoryStorage) {
    var (node, contents, storage) = try restart(path, files, options: options)
    let commit = max(contents.hardState.commit, contents.start.index)
    guard commit <= storage.lastIndex() else {
      throw .damaged(
        path: path, offset: 0,
        reason: "commit \(commit) is beyond the last index \(storage.lastIndex())")
    }
    var entries = contents.entries.filter { $0.index <= commit }
    let confState: ConfState
    do throws(LogStorageError) {
      confState = try storage.initialState().1
    } catch {
      throw .damaged(path: path, offset: 0, reason: "\(error)")
    }
    var next = commit
    var state = contents.hardState
    var changes: [Entry] = []
    for change in removals(of: members(confState, entries), except: id) {
      next += 1
      changes.append(
        Entry(
          type: .confChange, term: state.term, index: next,
          data: EtcdConfChange(value: change).encoded()))
    }
    entries += changes
    state.commit = next
    try node.wal.save(state, changes)
    contents.entries = entries
    contents.hardState = state
    let standalone = MemoryStorage()
    do throws(LogStorageError) {
      let snapshot = try storage.snapshot()
      if !snapshot.isEmpty { try standalone.applySnapshot(snapshot) }
      standalone.setHardState(state)
      try standalone.append(entries)
    } catch {
      throw .damaged(path: path, offset: 0, reason: "\(error)")
    }
    return (node, contents, standalone)
  }

  /// The members after the committed changes in `entries`. Changes of the second format are joint ones, which etcd does not
  /// make.
  private static func members(_ start: ConfState, _ entries: [Entry]) -> Set<UInt64> {
    var members = Set(start.voters + start.learners)
    for entry in entries where entry.type == .confChange {
      guard let change = EtcdConfChange(bytes: entry.data)?.value else { continue }
      switch change.type {
      case .addNode, .addLearnerNode: members.insert(change.nodeID)
      case .removeNode: members.remove(change.nodeID)
      case .updateNode: break
      }
    }
    return members
  }

  /// Adds the node itself if it is no member, since a group needs one.
  private static func removals(of members: Set<UInt64>, except id: UInt64) -> [ConfChange] {
    var changes = members.filter { $0 != id }.sorted().map {
      ConfChange(type: .removeNode, nodeID: $0)
    }
    if !members.contains(id) { changes.append(ConfChange(type: .addNode, nodeID: id)) }
    return changes
  }

  // MARK: Ready

  /// Stores what a `Ready` says, in etcd's order: snapshot file, its record, entries and hard state; then memory.
  package mutating func save(
    _ state: HardState, _ entries: [Entry], snapshot: Snapshot = Snapshot(),
    in storage: MemoryStorage
  ) throws(EtcdWALError) {
    if !snapshot.isEmpty { try saveSnapshot(snapshot) }
    try wal.save(state, entries)
    if !snapshot.isEmpty { try wal.sync() }
    do throws(LogStorageError) {
      if !snapshot.isEmpty { try storage.applySnapshot(snapshot) }
      if !state.isEmpty { storage.setHardState(state) }
      try storage.append(entries)
    } catch {
      throw .damaged(path: wal.directory.path, offset: wal.offset, reason: "\(error)")
    }
    if !snapshot.isEmpty { wal.releaseLocks(to: snapshot.metadata.index) }
  }

  /// Stores a snapshot of the node itself or of another one, first its file, which without a record is harmless.
  package mutating func saveSnapshot(_ snapshot: Snapshot) throws(EtcdWALError) {
    try snapshotter.save(snapshot)
    try wal.saveSnapshot(
      EtcdSnapshotRecord(
        index: snapshot.metadata.index, term: snapshot.metadata.term,
        confState: snapshot.metadata.confState))
  }

  /// Releases the segments that only hold entries up to a snapshot of the node, and removes them.
  package mutating func release(to snapshot: Snapshot) throws(EtcdWALError) {
    wal.releaseLocks(to: snapshot.metadata.index)
    try wal.purge()
  }

  package mutating func close() throws(EtcdWALError) { try wal.close() }
}
