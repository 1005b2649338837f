import Runtime

/// Bits that turn over in snapshot files: checksums must find them, and the snapshot be made again.
///
/// Such files are there for moments only, so a fault waits for one.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class SnapshotDecay: @unchecked Sendable {
  private let ground: FaultGround
  private static let interval = Duration.milliseconds(2)

  init(_ ground: FaultGround) {
    self.ground = ground
  }

  func strike(_ fault: PlannedFault) { attempt(fault, until: ground.scheduler.now + fault.lasts) }

  private func attempt(_ fault: PlannedFault, until end: Instant) {
    for store in ground.cluster.stores {
      // What was received belongs to a replica already: `PermanentLosses` is the place for that.
      let files = generated(on: store)
      guard !files.isEmpty else { continue }
      let name = files[Int(fault.dice[1] % UInt64(files.count))]
      guard store.disk.files.flipBit(fault.dice[2] >> 8, of: "snap/" + name) else { continue }
      return ground.strikes(fault, "\(store.machine.name) \(name)")
    }
    guard ground.scheduler.now < end else { return }
    ground.after(Self.interval) { [weak self] in self?.attempt(fault, until: end) }
  }

  private func generated(on store: SimulatedStore) -> [String] {
    do throws(FileSystemError) {
      return try store.disk.files.list("snap")
        .filter { $0.hasPrefix("gen_") && $0.hasSuffix(".sst") }
    } catch {
      // No directory: the store has not started yet.
      return []
    }
  }
}
