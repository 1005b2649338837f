import Codec
import Engine
import Protobuf

/// Puts one received snapshot's data in place of a region's.
///
/// The region is recorded as *applying* before and becomes *normal* in one synced batch after its
/// data is there, so whatever a crash interrupts is done again from the start. The files are copied
/// in, not moved, because a second run needs them.
struct SnapshotApplier {
  let engine: any KVEngine
  let snapshots: SnapManager
  let key: SnapshotKey
  let region: Region
  /// The peer that applies it, by whose name the files are pinned.
  let peerID: UInt64

  func applySnapshot() throws(ApplySnapshotError) {
    switch try installState() {
    case .installed:
      // Done before, by an earlier task or before a crash: the data has moved on since.
      try releaseFiles()
      return
    case .other(let reason): throw .refused(.stale(reason))
    case .waiting: break
    }
    let files = try acquireFiles()
    var isApplied = false
    defer { snapshots.finishApplying(key, for: peerID, delete: isApplied) }
    do throws(EngineError) {
      try RangeDeleter(engine: engine).delete(region.range)
    } catch {
      throw .disk("cannot delete \(region.range) for snapshot \(key): \(error)")
    }
    if !files.isEmpty { try ingest(files) }
    guard case .waiting = try installState() else {
      throw .refused(.stale("its peer has abandoned it"))
    }
    let completion = try completion()
    do throws(EngineError) {
      try engine.write(completion, .synced)
    } catch {
      throw .disk("cannot record that snapshot \(key) is applied: \(error)")
    }
    isApplied = true
  }

  // MARK: Files

  /// Registers and verifies the files. Corrupted ones are removed: the leader must send them again.
  private func acquireFiles() throws(ApplySnapshotError) -> [SSTFile] {
    do throws(SnapshotError) {
      return try snapshots.beginApplying(key)
    } catch {
      if case .corrupted = error { try releaseFiles() }
      throw Self.failure(error)
    }
  }

  private func releaseFiles() throws(ApplySnapshotError) {
    snapshots.unpin(key, for: peerID)
    do throws(SnapshotError) {
      try snapshots.delete(key, .received)
    } catch {
      if case .busy = error { return }
      throw Self.failure(error)
    }
  }

  /// A disk that fails says nothing about the snapshot: the region stays *applying*, and the next
  /// process continues. Giving it up would lose what this replica has acknowledged.
  private static func failure(_ error: SnapshotError) -> ApplySnapshotError {
    if case .io(let reason) = error { return .disk(reason) }
    return .refused(error)
  }

  private func ingest(_ files: [SSTFile]) throws(ApplySnapshotError) {
    do throws(EngineError) {
      try engine.ingest(files, move: false)
    } catch {
      guard error.kind == .corruption else {
        throw .disk("cannot ingest the files of snapshot \(key): \(error)")
      }
      let paths = files.map(\.path).joined(separator: ", ")
      throw .refused(.corrupted(path: paths, reason: "\(error)"))
    }
  }

  // MARK: Records

  private enum InstallState {
    case waiting, installed
    case other(String)
  }

  private func installState() throws(ApplySnapshotError) -> InstallState {
    let key = KeyLayout.regionState(regionID: region.id)
    guard let local = try read(RegionLocalState.self, key) else {
      return .other("region \(region.id) is unknown")
    }
    guard local.region == region else { return .other("it is for \(region), not \(local.region)") }
    return switch local.state {
    case .applying: .waiting
    case .normal: .installed
    default: .other("region \(region.id) is \(local.state)")
    }
  }

  /// What makes the region a normal one whose log begins behind the snapshot.
  private func completion() throws(ApplySnapshotError) -> WriteBatch {
    var batch = WriteBatch()
    let local = RegionLocalState(state: .normal, region: region)
    batch.put(.raft, KeyLayout.regionState(regionID: region.id), local.encoded())
    batch.delete(.raft, KeyLayout.snapshotRaftState(regionID: region.id))
    let applyKey = KeyLayout.applyState(regionID: region.id)
    let applied = try read(ApplyState.self, applyKey) ?? ApplyState()
    if applied.appliedIndex < key.index {
      let state = ApplyState(
        appliedIndex: key.index, truncatedIndex: key.index, truncatedTerm: key.term,
        lastCommitIndex: key.index, commitIndex: key.index, commitTerm: key.term)
      batch.put(.raft, applyKey, state.encoded())
    }
    return batch
  }

  private func read<Record: ProtoRecord>(
    _ type: Record.Type, _ key: [UInt8]
  ) throws(ApplySnapshotError) -> Record? {
    let bytes: [UInt8]?
    do throws(EngineError) {
      bytes = try engine.get(.raft, key)
    } catch {
      throw .disk("cannot read the state of region \(region.id): \(error)")
    }
    guard let bytes else { return nil }
    do throws(CodecError) {
      return try Record(decoding: bytes)
    } catch {
      throw .refused(.corrupted(path: engine.path, reason: "record \(key.hex): \(error)"))
    }
  }
}

/// Why a snapshot's data is not in place.
enum ApplySnapshotError: Error {
  /// The region stays as it was recorded; the node goes on.
  case refused(SnapshotError)
  /// The disk failed: nothing here is to be trusted any longer, and the process ends. The region stays
  /// as it was recorded.
  case disk(String)
}
