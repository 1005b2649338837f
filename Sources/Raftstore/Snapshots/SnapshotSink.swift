package import Codec
import Engine
import Runtime
import Synchronization

/// Takes the bytes of one snapshot as they arrive and cuts them into files by the announced sizes.
/// End it by `finish` or `abandon`; dropping it abandons.
package final class SnapshotSink: Sendable {
  private enum Phase {
    case open, failed, finished
  }

  private struct State {
    var phase = Phase.open
    /// Which of the announced files is being written, and how far.
    var file = 0
    var written: UInt64 = 0
    var crc = CRC32()
    var handle: (any WritableFile)?
  }

  package let key: SnapshotKey
  package let meta: SnapshotMeta
  private let manager: SnapManager
  private let set: SnapshotFileSet
  private let range: KeyRange
  /// Of the announced files, in their order.
  private let paths: [String]
  private let state = Mutex(State())

  init(
    _ manager: SnapManager, _ set: SnapshotFileSet, _ meta: SnapshotMeta, _ range: KeyRange
  ) {
    self.range = range
    self.manager = manager
    self.set = set
    self.meta = meta
    key = set.key
    paths = manager.files.paths(set, meta).map(\.path)
  }

  deinit {
    abandon()
  }

  package var totalSize: UInt64 { meta.totalSize }

  /// Takes the next bytes. Each file is verified and synced as it becomes complete; bytes beyond
  /// the announced sizes are an error. After any error the reception has failed.
  package func write(_ bytes: [UInt8]) throws(SnapshotError) {
    manager.throttle(bytes.count)
    try state.withLock { (state) throws(SnapshotError) in
      guard state.phase == .open else { throw .stale("reception of \(key) has ended") }
      do throws(SnapshotError) {
        var rest = bytes[...]
        while !rest.isEmpty {
          skipEmptyFiles(&state)
          guard state.file < meta.files.count else {
            throw .corrupted(
              path: manager.files.path(SnapshotName.base(set)),
              reason: "more than the announced \(totalSize) bytes arrived")
          }
          let left = meta.files[state.file].size - state.written
          let piece = rest.prefix(Int(clamping: left))
          rest = rest.dropFirst(piece.count)
          try append(piece.count == bytes.count ? bytes : Array(piece), &state)
        }
      } catch {
        state.phase = .failed
        throw error
      }
    }
  }

  /// Checks that the complete files hold keys of the region only and puts them in place, durably.
  package func finish() throws(SnapshotError) {
    try state.withLock { (state) throws(SnapshotError) in
      guard state.phase == .open else { throw .stale("reception of \(key) has ended") }
      state.phase = .failed
      skipEmptyFiles(&state)
      if state.file < meta.files.count {
        throw .corrupted(
          path: paths[state.file],
          reason: "\(state.written) of \(meta.files[state.file].size) bytes arrived")
      }
      try manager.checkKeys(set, meta, range, suffix: SnapshotName.temporarySuffix)
      try manager.files.publish(set, meta)
      state.phase = .finished
    }
    manager.metrics.received.increment()
    manager.endReceiving(set, delivered: range)
    isReleased.withLock { $0 = true }
  }

  /// Gives up and removes what was written. Does nothing after `finish` has succeeded.
  package func abandon() {
    let mustRelease = isReleased.withLock { isReleased in
      defer { isReleased = true }
      return !isReleased
    }
    guard mustRelease else { return }
    state.withLock { state in
      state.phase = .failed
      state.handle = nil
    }
    manager.discardClaimed(set)
    manager.endReceiving(set, delivered: nil)
  }

  /// Whether the claim on the files was given back.
  private let isReleased = Mutex(false)

  private func skipEmptyFiles(_ state: inout State) {
    while state.file < meta.files.count, meta.files[state.file].size == 0 { state.file += 1 }
  }

  private func append(_ bytes: [UInt8], _ state: inout State) throws(SnapshotError) {
    let file = meta.files[state.file]
    let temporary = paths[state.file] + SnapshotName.temporarySuffix
    try manager.files.performing { () throws(FileSystemError) in
      let handle: any WritableFile
      if let open = state.handle {
        handle = open
      } else {
        handle = try manager.files.system.create(temporary, exclusive: true)
      }
      state.handle = handle
      try handle.append(bytes)
    }
    state.crc.update(bytes)
    state.written += UInt64(bytes.count)
    guard state.written == file.size else { return }
    if state.crc.value != file.checksum {
      manager.metrics.corrupted.increment()
      throw .corrupted(path: temporary, reason: "checksum mismatch")
    }
    try manager.files.performing { () throws(FileSystemError) in try state.handle?.sync() }
    state.handle = nil
    state.file += 1
    state.written = 0
    state.crc = CRC32()
  }
}
