package import Codec
import Engine
import Runtime
import Synchronization

/// The bytes of a built snapshot for one stream: its files one behind the other, in the order of the
/// families. Registered until `finish`, which must be called once; dropping it counts as failure.
package final class SnapshotSource: Sendable {
  private struct State {
    /// Which of the meta's files is being read, and how far.
    var file = 0
    var offset: UInt64 = 0
    var crc = CRC32()
    var handle: (any ReadableFile)?
    var isBroken = false
    var isFinished = false
  }

  package let key: SnapshotKey
  package let meta: SnapshotMeta
  private let manager: SnapManager
  private let set: SnapshotFileSet
  /// Of the files, in the order of the meta.
  private let paths: [String]
  private let state = Mutex(State())

  init(_ manager: SnapManager, _ set: SnapshotFileSet, _ meta: SnapshotMeta) {
    self.manager = manager
    self.set = set
    self.meta = meta
    key = set.key
    paths = manager.files.paths(set, meta).map(\.path)
  }

  deinit {
    finish(succeeded: false)
  }

  package var totalSize: UInt64 { meta.totalSize }

  /// The next bytes, at most `count` and all from one file; empty at the end.
  ///
  /// Each file is checked against its checksum as it passes: a receiver would refuse a broken one
  /// after all of it has travelled, and get the same file again on the next try.
  package func read(upTo count: Int) throws(SnapshotError) -> [UInt8] {
    precondition(count > 0, "a read is for at least one byte")
    if manager.registry.withLock({ $0.isCancelled(set) }) {
      throw .stale("sending snapshot \(key) was cancelled")
    }
    let bytes = try next(count)
    manager.throttle(bytes.count)
    return bytes
  }

  private func next(_ count: Int) throws(SnapshotError) -> [UInt8] {
    return try state.withLock { (state) throws(SnapshotError) in
      precondition(!state.isFinished, "a finished source was read")
      while state.file < meta.files.count, meta.files[state.file].size == 0 { state.file += 1 }
      guard state.file < meta.files.count else { return [] }
      let file = meta.files[state.file]
      let path = paths[state.file]
      let left = file.size - state.offset
      let bytes = try manager.files.performing { () throws(FileSystemError) in
        let handle: any ReadableFile
        if let open = state.handle {
          handle = open
        } else {
          handle = try manager.files.system.open(path)
        }
        state.handle = handle
        return try handle.read(at: state.offset, upTo: Int(min(UInt64(count), left)))
      }
      state.crc.update(bytes)
      state.offset += UInt64(bytes.count)
      let isAtEnd = state.offset == file.size
      if bytes.isEmpty || (isAtEnd && state.crc.value != file.checksum) {
        state.isBroken = true
        throw .corrupted(
          path: path, reason: bytes.isEmpty ? "it ends too early" : "checksum mismatch")
      }
      if isAtEnd {
        state.file += 1
        state.offset = 0
        state.crc = CRC32()
        state.handle = nil
      }
      return bytes
    }
  }

  /// Ends the stream. After success the files go unless another stream needs them, after failure
  /// they stay for the next try.
  package func finish(succeeded: Bool) {
    let (isFirst, isBroken) = state.withLock { state in
      defer { state.isFinished = true }
      state.handle = nil
      return (!state.isFinished, state.isBroken)
    }
    if isFirst {
      manager.endSending(set, succeeded: succeeded && !isBroken, isBroken: isBroken)
    }
  }
}
