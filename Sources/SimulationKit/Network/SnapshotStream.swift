import Codec
import Raftstore
import Runtime

/// The transfer of one snapshot. A chunk is sent when the previous one was received; the transfer fails when
/// one is lost. The sender's store gets the result exactly once.
final class SnapshotStream {
  /// Chunks are small, so that faults are injected in the middle.
  private static let chunkSize = 4 << 10
  private static let timeout = Duration.seconds(3)

  private let envelope: RaftEnvelope
  private let key: SnapshotKey
  private let process: SimulatedProcess
  private let network: SimulatedNetwork
  private let directory: StoreDirectory
  private let snapshots: SnapManager
  private let router: Router
  private var source: SnapshotSource?
  private var writer: SnapshotStreamWriter?
  /// The receiver's side, inside the process that took the first chunk.
  private var receiver: (process: SimulatedProcess, reader: SnapshotStreamReader)?
  private var isEnded = false

  init(
    envelope: RaftEnvelope, key: SnapshotKey, process: SimulatedProcess,
    network: SimulatedNetwork, directory: StoreDirectory, snapshots: SnapManager, router: Router
  ) {
    self.envelope = envelope
    self.key = key
    self.process = process
    self.network = network
    self.directory = directory
    self.snapshots = snapshots
    self.router = router
  }

  func start() {
    do throws(SnapshotError) {
      let source = try snapshots.beginSending(key)
      self.source = source
      writer = SnapshotStreamWriter(envelope, source, chunkSize: Self.chunkSize)
    } catch {
      end(succeeded: false, "cannot be sent: \(error)")
      return
    }
    sendNext()
  }

  private func sendNext() {
    guard !isEnded, let machine = directory.machine(ofStore: envelope.to.storeID) else {
      end(succeeded: false, "its store is not known")
      return
    }
    let chunk: SnapshotChunk?
    do throws(SnapshotError) {
      chunk = try writer?.next()
    } catch {
      end(succeeded: false, "cannot be read: \(error)")
      return
    }
    network.call(
      from: process, to: machine, timeout: Self.timeout,
      serve: { [self] receiver, respond in respond(take(chunk, receiver)) },
      completion: { [self] (result: Result<Step, CallFailure>) in
        switch result {
        case .success(.more): sendNext()
        case .success(.done): end(succeeded: true, "is there")
        case .success(.failed(let reason)): end(succeeded: false, reason)
        case .failure(let failure): end(succeeded: false, "the stream broke: \(failure)")
        }
      })
  }

  private enum Step {
    case more
    case done
    case failed(String)
  }

  /// Runs at the receiver.
  private func take(_ chunk: SnapshotChunk?, _ process: SimulatedProcess) -> Step {
    if isEnded { return .failed("the sender has given up") }
    guard let inbox = directory.inbox(of: process) else { return .failed("the store is starting") }
    if receiver == nil {
      receiver = (
        process, SnapshotStreamReader(storeID: inbox.storeID, snapshots: inbox.snapshots)
      )
    }
    guard receiver?.process === process else { return .failed("the receiver was restarted") }
    do throws(SnapshotError) {
      guard let chunk else {
        if let arrived = try receiver?.reader.finish() { inbox.router.deliver([arrived]) }
        receiver = nil
        return .done
      }
      try receiver?.reader.receive(chunk)
      return .more
    } catch {
      receiver = nil
      return .failed("refused: \(error)")
    }
  }

  private func end(succeeded: Bool, _ reason: String) {
    guard !isEnded else { return }
    isEnded = true
    network.scheduler.note(
      .note, envelope.regionID, key.index, succeeded ? 1 : 0,
      "\(process.machine.name) snapshot \(key) to store \(envelope.to.storeID) \(reason)")
    if let receiver, receiver.process.isAlive {
      // The receiver notices that the stream broke.
      network.scheduler.after(.milliseconds(2), in: receiver.process) { [self] in
        self.receiver?.reader.abandon()
        self.receiver = nil
      }
    }
    source?.finish(succeeded: succeeded)
    guard process.isAlive else { return }
    router.post(
      .snapshotSent(
        regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: succeeded),
      to: envelope.regionID)
  }
}
