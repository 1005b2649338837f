import Codec
import NIOCore
import RPC
import Raftstore
import Runtime
import Synchronization

/// A snapshot to send.
struct SnapshotSending: Sendable {
  var envelope: RaftEnvelope
  var key: SnapshotKey

  /// Reports the result to the leader that sends the snapshot.
  func report(succeeded: Bool, to router: Router) {
    router.post(
      .snapshotSent(
        regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: succeeded),
      to: envelope.regionID)
  }
}

/// The threads that send snapshots: one for each under way, up to the limit. They are created when they are first
/// needed. Any thread may call.
final class SnapshotSenders: Sendable {
  private struct State {
    var workers: [Worker<SnapshotSending>] = []
    /// Positions in `workers`.
    var idle: [Int] = []
    var isClosed = false
  }

  private let context: TransportContext
  private let snapshots: SnapManager
  private let state = Mutex(State())

  init(context: TransportContext, snapshots: SnapManager) {
    self.context = context
    self.snapshots = snapshots
  }

  /// Sends on a thread of its own. Reports failure at once when as many as may be are being sent: the leader tries
  /// again with a later heartbeat.
  func send(_ sending: SnapshotSending) {
    let worker = state.withLock { state -> Worker<SnapshotSending>? in
      if state.isClosed { return nil }
      if let number = state.idle.popLast() { return state.workers[number] }
      guard state.workers.count < max(1, snapshots.limits.maxSending) else { return nil }
      let worker = spawn(state.workers.count)
      state.workers.append(worker)
      return worker
    }
    if let worker, worker.mailbox.send(sending) { return }
    context.metrics.refusedSnapshots.increment()
    sending.report(succeeded: false, to: context.router)
  }

  private func spawn(_ number: Int) -> Worker<SnapshotSending> {
    let (context, snapshots) = (context, snapshots)
    return context.host.spawn(name: "snap-send-\(number)", capacity: 64) { [weak self] _ in
      SnapshotSender(context: context, snapshots: snapshots) { [weak self] in
        self?.state.withLock { $0.idle.append(number) }
      }
    }
  }

  /// Blocks until the snapshots in progress have ended, which `TransportContext.isStopping` hastens.
  func close() {
    let workers = state.withLock { state in
      state.isClosed = true
      return state.workers
    }
    for worker in workers { worker.stop() }
  }
}

/// Sends snapshots one after the other. Reads files and waits for the network on its own thread.
struct SnapshotSender: Handler {
  /// Why a snapshot was not sent.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let context: TransportContext
  let snapshots: SnapManager
  /// Called after each snapshot, however it has ended.
  let onIdle: @Sendable () -> Void

  mutating func handle(_ batch: [SnapshotSending]) {
    for sending in batch {
      send(sending)
      onIdle()
    }
  }

  private func send(_ sending: SnapshotSending) {
    let source: SnapshotSource
    do throws(SnapshotError) {
      source = try snapshots.beginSending(sending.key)
    } catch {
      context.logger.warning(
        "cannot send a snapshot",
        metadata: ["snapshot": "\(sending.key)", "error": "\(error)"])
      return sending.report(succeeded: false, to: context.router)
    }
    do throws(Failure) {
      try stream(sending, source)
      source.finish(succeeded: true)
      context.logger.info(
        "snapshot sent",
        metadata: [
          "snapshot": "\(sending.key)", "to_store": "\(sending.envelope.to.storeID)",
          "bytes": "\(source.totalSize)",
        ])
      sending.report(succeeded: true, to: context.router)
    } catch {
      source.finish(succeeded: false)
      context.logger.warning(
        "sending a snapshot failed",
        metadata: ["snapshot": "\(sending.key)", "error": "\(error)"])
      sending.report(succeeded: false, to: context.router)
    }
  }

  private func stream(_ sending: SnapshotSending, _ source: SnapshotSource) throws(Failure) {
    let target = try resolve(sending.envelope.to.storeID)
    // A connection of its own: raft messages must not wait behind files.
    let channel = context.makeChannel(to: target)
    defer { channel.close() }
    // The receiver's limit.
    let limit = max(
      SnapshotProgressWatch.gracePeriod,
      .seconds(Int64(source.totalSize / SnapshotProgressWatch.minBytesPerSecond)))
    let deadline = context.host.clock.now + limit
    let progress = SnapshotProgress()
    let stream = channel.openStream(
      "/tikvpb.Tikv/Snapshot",
      options: CallOptions(
        timeout: TimeAmount(limit),
        metadata: context.metadata(toStore: sending.envelope.to.storeID))
    ) { _ in SnapshotSendHandler(progress) }
    stream.onWritable { progress.semaphore.signal() }
    defer { stream.cancel() }
    var writer = SnapshotStreamWriter(sending.envelope, source)
    while let chunk = try next(&writer) {
      try wait(deadline, progress) { stream.isWritable || progress.end != nil }
      if progress.end != nil { break }
      stream.send(ByteBuffer(bytes: chunk.encoded()))
    }
    stream.finish()
    try wait(deadline, progress) { progress.end != nil }
    guard let end = progress.end, end.isOK else {
      throw Failure(description: "the other store responded \(progress.end ?? .ok)")
    }
  }

  private func next(
    _ writer: inout SnapshotStreamWriter
  ) throws(Failure) -> SnapshotChunk? {
    do throws(SnapshotError) {
      return try writer.next()
    } catch {
      throw Failure(description: "\(error)")
    }
  }

  private func wait(
    _ deadline: Instant, _ progress: SnapshotProgress, until isDone: () -> Bool
  ) throws(Failure) {
    while !isDone() {
      if context.isStopping.load(ordering: .relaxed) {
        throw Failure(description: "the store is stopping")
      }
      let left = deadline - context.host.clock.now
      guard left > .zero else { throw Failure(description: "it took too long") }
      // Woken by progress, and at times to check whether the store is stopping.
      progress.semaphore.wait(atMost: min(left, .milliseconds(500)))
    }
  }

  private func resolve(_ storeID: UInt64) throws(Failure) -> RPCTarget {
    let address = ResolvedAddress()
    context.addresses.resolve(storeID) { address.fill($0) }
    switch address.wait(atMost: .seconds(10)) {
    case .success(let target): return target
    case .failure(.tombstone): throw Failure(description: "store \(storeID) is a tombstone")
    case .failure(.unknown(let reason)): throw Failure(description: reason)
    case nil: throw Failure(description: "the placement driver does not respond")
    }
  }
}

/// An address that a thread waits for.
private final class ResolvedAddress: Sendable {
  private let result = Mutex<Result<RPCTarget, StoreAddresses.Failure>?>(nil)
  private let semaphore = BinarySemaphore()

  func fill(_ result: Result<RPCTarget, StoreAddresses.Failure>) {
    self.result.withLock { $0 = result }
    semaphore.signal()
  }

  func wait(atMost limit: Duration) -> Result<RPCTarget, StoreAddresses.Failure>? {
    semaphore.wait(atMost: limit)
    return result.withLock { $0 }
  }
}

/// The end of a call, from the event loop to the sending thread.
private final class SnapshotProgress: Sendable {
  let semaphore = BinarySemaphore()
  private let status = Mutex<RPCStatus?>(nil)

  /// How the call ended, once it has.
  var end: RPCStatus? { status.withLock { $0 } }

  func ended(_ status: RPCStatus) {
    self.status.withLock { $0 = status }
    semaphore.signal()
  }
}

private final class SnapshotSendHandler: ClientStreamHandler {
  private let progress: SnapshotProgress

  init(_ progress: SnapshotProgress) {
    self.progress = progress
  }

  func onMessage(_ message: ByteBuffer) {}
  func onClose(_ status: RPCStatus) { progress.ended(status) }
}
