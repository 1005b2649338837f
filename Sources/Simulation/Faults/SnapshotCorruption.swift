import Runtime

/// Bit flips in snapshot files: checksums must detect them, and the snapshot be generated again.
///
/// Such files are there for moments only, so a fault waits for one.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class SnapshotCorruption: @unchecked Sendable {
  private let context: FaultContext
  private static let interval = Duration.milliseconds(2)

  init(_ context: FaultContext) {
    self.context = context
  }

  func inject(_ fault: PlannedFault) { attempt(fault, until: context.scheduler.now + fault.lasts) }

  private func attempt(_ fault: PlannedFault, until end: Instant) {
    for store in context.cluster.stores {
      // What was received belongs to a replica already: `PermanentLosses` is the place for that.
      let files = generated(on: store)
      guard !files.isEmpty else { continue }
      let name = files[Int(fault.randomValues[1] % UInt64(files.count))]
      guard store.disk.files.flipBit(fault.randomValues[2] >> 8, of: "snap/" + name) else {
        continue
      }
      return context.injects(fault, "\(store.machine.name) \(name)")
    }
    guard context.scheduler.now < end else { return }
    context.after(Self.interval) { [weak self] in self?.attempt(fault, until: end) }
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
