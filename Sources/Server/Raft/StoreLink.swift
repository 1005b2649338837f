import Codec
import NIOCore
import Protobuf
import RPC
import Raftstore
import Runtime
import Synchronization

/// The link to one other store: a bounded queue, a connection, and a stream of batches. Any thread, except where
/// noted.
///
/// Messages queued when the stream breaks are lost, which raft permits, and the router is notified.
final class StoreLink: Sendable {
  private enum Phase {
    case idle
    /// The address is being resolved, or the stream is being opened.
    case connecting
    /// Messages can be sent on the stream, which may still wait for its connection.
    case open(ClientStream)
    /// After a failure: messages are dropped until a timer expires.
    case backingOff
    case closed
  }

  private struct State {
    var phase = Phase.idle
    var queue = SendQueue()
    var isFlushScheduled = false
    var channel: RPCChannel?
    var backoff = StoreLink.firstBackoff
  }

  private static let firstBackoff = Duration.milliseconds(100)
  private static let longestBackoff = Duration.seconds(2)
  private static let tombstoneBackoff = Duration.seconds(60)
  private static let refusedBackoff = Duration.seconds(5)
  private static let checkTimeout = TimeAmount.seconds(5)

  private let storeID: UInt64
  private let context: TransportContext
  private let state = Mutex(State())

  init(storeID: UInt64, context: TransportContext) {
    self.storeID = storeID
    self.context = context
  }

  /// Queues messages; never blocks.
  func send(_ envelopes: [RaftEnvelope]) {
    enum Next {
      case nothing, connect
      case flush(ClientStream)
    }
    var dropped = 0
    let next = state.withLock { state -> Next in
      switch state.phase {
      case .closed, .backingOff:
        dropped = envelopes.count
        return .nothing
      case .idle, .connecting, .open:
        guard state.queue.append(envelopes) else {
          dropped = envelopes.count
          return .nothing
        }
      }
      switch state.phase {
      case .idle:
        state.phase = .connecting
        return .connect
      case .open(let stream) where !state.isFlushScheduled:
        state.isFlushScheduled = true
        return .flush(stream)
      default: return .nothing
      }
    }
    switch next {
    case .nothing: break
    case .connect: connect()
    case .flush(let stream): stream.execute { self.flush(stream) }
    }
    if dropped > 0 { context.metrics.dropped.increment(by: UInt64(dropped)) }
  }

  /// Asks the store whether it agrees with leaders. Without a connection nothing is asked: raft messages make one, and
  /// leaders ask again.
  func check(
    _ leaders: LeaderCheck, _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    guard let channel = state.withLock({ $0.channel }) else { return }
    let options = CallOptions(
      timeout: Self.checkTimeout, metadata: context.metadata(toStore: storeID))
    channel.unary(
      "/tikvpb.Tikv/CheckLeader", ByteBuffer(bytes: leaders.encoded()), options: options
    ) { [context, storeID] result in
      do {
        let reply = try result.get()
        try FieldCount.check(reply.readableBytesSpan, .leaderCheckResponse)
        completion(try LeaderCheckResponse(decoding: reply.readableBytesSpan))
      } catch {
        context.logger.debug(
          "a store was not asked about leaders",
          metadata: ["store": "\(storeID)", "reason": "\(error)"])
      }
    }
  }

  /// Closes the connection; messages are ignored from then on.
  func close() {
    let channel = state.withLock { state in
      state.phase = .closed
      state.queue = SendQueue()
      return state.channel
    }
    channel?.close()
  }

  // MARK: Sending, on the event loop

  private func flush(_ stream: ClientStream) {
    while stream.isWritable {
      let batch = state.withLock { state -> [RaftEnvelope] in
        let batch = state.queue.takeBatch()
        if batch.isEmpty { state.isFlushScheduled = false }
        return batch
      }
      if batch.isEmpty { return }
      stream.send(ByteBuffer(bytes: RaftBatch(messages: batch).encoded()))
      context.metrics.sent.increment()
    }
    // The rest follows when there is capacity; `isFlushScheduled` stays set until then.
  }

  // MARK: Connecting

  private func connect() {
    context.addresses.resolve(storeID) { [self] result in
      switch result {
      case .success(let target): open(target)
      case .failure(.tombstone): backOff(for: Self.tombstoneBackoff, "the store is a tombstone")
      case .failure(.unknown(let reason)): lost(reason)
      }
    }
  }

  private func open(_ target: RPCTarget) {
    let (channel, stale) = state.withLock { state -> (RPCChannel?, RPCChannel?) in
      if case .closed = state.phase { return (nil, nil) }
      if let known = state.channel, known.target == target { return (known, nil) }
      let fresh = context.makeRaftChannel(to: target)
      defer { state.channel = fresh }
      return (fresh, state.channel)
    }
    stale?.close()
    let options = CallOptions(metadata: context.metadata(toStore: storeID))
    channel?.openStream("/tikvpb.Tikv/BatchRaft", options: options) { [self] stream in
      opened(stream)
      return StoreLinkHandler(link: self)
    }
  }

  /// On the event loop, before anything can be received.
  private func opened(_ stream: ClientStream) {
    let isClosed = state.withLock { state in
      if case .closed = state.phase { return true }
      state.phase = .open(stream)
      state.isFlushScheduled = true
      return false
    }
    if isClosed { return stream.cancel() }
    stream.onWritable { self.flush(stream) }
    stream.execute { self.flush(stream) }
  }

  /// The other store has accepted the stream.
  fileprivate func accepted() {
    state.withLock { $0.backoff = Self.firstBackoff }
  }

  /// The other side refused the stream: it is another store or cluster, or does not admit this store.
  fileprivate func refused(_ reason: String) {
    context.logger.warning(
      "a store refuses raft messages", metadata: ["store": "\(storeID)", "reason": "\(reason)"])
    context.addresses.invalidate(storeID)
    context.metrics.failures.increment()
    backOff(for: Self.refusedBackoff, reason)
    context.router.broadcast(.storeUnreachable(storeID: storeID))
  }

  /// The store cannot be reached, or the stream has ended.
  fileprivate func lost(_ reason: String) {
    context.addresses.invalidate(storeID)
    context.metrics.failures.increment()
    let wait = state.withLock { state in
      defer { state.backoff = min(state.backoff * 2, Self.longestBackoff) }
      return state.backoff
    }
    backOff(for: wait, reason)
    context.router.broadcast(.storeUnreachable(storeID: storeID))
  }

  private func backOff(for wait: Duration, _ reason: String) {
    let lost = state.withLock { state -> Int? in
      if case .closed = state.phase { return nil }
      state.phase = .backingOff
      state.isFlushScheduled = false
      defer { state.queue = SendQueue() }
      return state.queue.count
    }
    guard let lost else { return }
    context.metrics.dropped.increment(by: UInt64(lost))
    context.logger.debug(
      "no connection to a store",
      metadata: ["store": "\(storeID)", "reason": "\(reason)", "retry_after": "\(wait)"])
    _ = context.host.after(wait) { [weak self] in self?.endBackoff() }
  }

  private func endBackoff() {
    state.withLock { state in
      if case .backingOff = state.phase { state.phase = .idle }
    }
  }
}

/// Observes the stream: its headers and its end; the other store sends no messages.
private final class StoreLinkHandler: ClientStreamHandler {
  private let link: StoreLink

  init(link: StoreLink) {
    self.link = link
  }

  func onMetadata(_ metadata: RPCMetadata) { link.accepted() }
  func onMessage(_ message: ByteBuffer) {}

  func onClose(_ status: RPCStatus) {
    if status.code == .failedPrecondition {
      link.refused(status.message)
    } else {
      link.lost("the stream ended: \(status)")
    }
  }
}
