import Codec
import Raft
import Raftstore
import Runtime
import SimulationKit

/// Snapshots that lack something, come at the wrong time, or not at all.
enum SnapshotMutants {
  static let all: [Mutant] = [
    Mutant("snapshot-missing-pairs", "The files of a snapshot lack every tenth pair.") {
      $0.faults = [.changeMembers, .compactLog, .partition, .wipe]
      $0.parts.engine = { part, _, _ in LossyFilesEngine(part) }
    },
    Mutant(
      "snapshot-files-taken-away",
      "The files of a snapshot are removed although a peer has taken it and is about to apply it."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.changeMembers, .compactLog, .partition]
      setup.parts.host = { part, store, _ in
        AlteredHost(
          part,
          mail: { worker, batch in
            guard worker == "region", cluster.isBootstrapDone, let snapshots = store.snapshots
            else { return batch }
            for case .applySnapshot(let peerID, _, let key)? in batch.map({ $0 as? RegionTask }) {
              snapshots.unpin(key, for: peerID)
              do throws(SnapshotError) {
                try snapshots.delete(key, .received)
              } catch {
                // The files are in use or cannot be removed: the next snapshot is.
              }
            }
            return batch
          })
      }
    },
    Mutant(
      "snapshot-requests-lost", "The apply worker drops the requests to generate snapshots."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.changeMembers, .compactLog, .partition]
      setup.parts.host = { part, _, _ in
        AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("apply"), cluster.isBootstrapDone else { return batch }
            return batch.filter { message in
              if case .generateSnapshot? = message as? ApplyMessage { false } else { true }
            }
          })
      }
    },
    Mutant("snapshot-receivers-busy", "Stores never have a place for a snapshot.") { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.changeMembers, .compactLog, .partition]
      setup.parts.transport = { part, _, _ in
        AlteredTransport(
          part,
          alter: { envelope in
            guard cluster.isBootstrapDone else { return [envelope] }
            var envelope = envelope
            envelope.extra?.snapGenPrecheckPassed = false
            return [envelope]
          })
      }
    },
    Mutant(
      "snapshot-reported-sent", "Snapshots are not sent, but reported as sent."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.changeMembers, .compactLog, .partition]
      setup.parts.transport = { part, _, process in
        AlteredTransport(
          part,
          snapshot: { envelope, key in
            guard cluster.isBootstrapDone else { return part.sendSnapshot(envelope, key: key) }
            cluster.directory?.inbox(of: process)?.router.post(
              .snapshotSent(
                regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: true),
              to: envelope.regionID)
          })
      }
    },
    Mutant("snapshot-files-not-removed", "Removing a file does nothing.") {
      $0.faults = [.changeMembers, .compactLog, .kill]
      $0.parts.files = { part, _, _ in NeglectfulFileSystem(part, neglects: .removals) }
    },
    Mutant(
      "snapshot-directory-not-synced",
      "Directories are never synced: a loss of power takes new names back."
    ) {
      // Slow disks, so that machines crash while a snapshot is applied.
      $0.faults = [.powerLoss, .dieAtWrite, .changeMembers, .compactLog]
      $0.prepare = { cluster in
        for store in cluster.stores { store.machine.slowness.disk = .milliseconds(20) }
      }
      $0.parts.files = { part, _, _ in NeglectfulFileSystem(part, neglects: .directories) }
    },
  ]
}

/// A file system that reports some operations as done and skips them.
private struct NeglectfulFileSystem: ForwardingFileSystem {
  enum Neglect {
    case removals, directories
  }

  let base: any FileSystem
  private let neglect: Neglect

  init(_ base: any FileSystem, neglects neglect: Neglect) {
    self.base = base
    self.neglect = neglect
  }

  func remove(_ path: String) throws(FileSystemError) {
    if neglect != .removals { try base.remove(path) }
  }

  func syncDirectory(_ path: String) throws(FileSystemError) {
    if neglect != .directories { try base.syncDirectory(path) }
  }
}
