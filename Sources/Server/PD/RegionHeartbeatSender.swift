import Codec
import Logging
import NIOCore
import Protobuf
import RPC
import Runtime
import Synchronization
import Wire

/// The stream on which a store's leaders report and receive operator steps. It is reopened whenever it breaks; then
/// the latest report of every region is sent again, because PD may have lost what it knew of leaders.
final class RegionHeartbeatSender: Sendable {
  private enum Phase {
    /// No stream yet: nothing was reported.
    case idle
    /// Being opened, or broken and soon to be.
    case waiting
    case open(ClientStream)
    case closed
  }

  private struct State {
    var phase = Phase.idle
    /// Opened last, accepted or not.
    var stream: ClientStream?
    var latest: [UInt64: Report] = [:]
    /// Regions whose latest report was not sent yet.
    var unsent: Set<UInt64> = []
    var backoff = RegionHeartbeatSender.firstBackoff
    var receive: (@Sendable (RegionOperator) -> Void)?
    var refused: (@Sendable (RefusedHeartbeat) -> Void)?
  }

  private struct Report {
    var heartbeat: RegionHeartbeat
    var at: Instant
  }

  private static let firstBackoff = Duration.milliseconds(100)
  private static let longestBackoff = Duration.seconds(2)
  /// Hibernated leaders report every five minutes; an older report is from a former leader.
  private static let staleness = Duration.seconds(750)

  private let connection: PDConnection
  private let host: any WorkerHost
  private let logger: Logger
  private let state = Mutex(State())

  init(connection: PDConnection, host: any WorkerHost, logger: Logger) {
    self.connection = connection
    self.host = host
    self.logger = logger
  }

  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    state.withLock { $0.receive = receive }
  }

  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    state.withLock { $0.refused = receive }
  }

  func close() {
    let stream = state.withLock { state in
      state.phase = .closed
      return state.stream
    }
    stream?.cancel()
  }

  /// Sends now, or as soon as there is a stream with capacity; an older unsent report is replaced.
  func report(_ heartbeat: RegionHeartbeat) {
    let report = Report(heartbeat: heartbeat, at: host.clock.now)
    let (stream, mustOpen) = state.withLock { state -> (ClientStream?, Bool) in
      state.latest[heartbeat.region.id] = report
      switch state.phase {
      case .open(let stream) where stream.isWritable:
        return (stream, false)
      case .idle:
        state.unsent.insert(heartbeat.region.id)
        state.phase = .waiting
        return (nil, true)
      case .closed:
        return (nil, false)
      case .open, .waiting:
        state.unsent.insert(heartbeat.region.id)
        return (nil, false)
      }
    }
    if let stream { stream.send(message: heartbeat.wire(connection.knownClusterID ?? 0)) }
    if mustOpen { open() }
  }

  private func open() {
    connection.clusterID { [self] result in
      guard case .success = result else { return retryLater() }
      let channel = connection.channel
      channel.openStream("/pdpb.PD/RegionHeartbeat") { [self] stream in
        opened(stream)
        return RegionHeartbeatHandler(sender: self, channel: channel, stream: stream)
      }
    }
  }

  private func opened(_ stream: ClientStream) {
    let isClosed = state.withLock { state in
      state.stream = stream
      if case .closed = state.phase { return true }
      return false
    }
    if isClosed { stream.cancel() }
  }

  /// PD has accepted the stream: sends every report it may not know.
  fileprivate func accepted(_ stream: ClientStream) {
    let now = host.clock.now
    let reports = state.withLock { state -> [RegionHeartbeat] in
      if case .closed = state.phase { return [] }
      state.phase = .open(stream)
      state.backoff = Self.firstBackoff
      state.unsent = []
      state.latest = state.latest.filter { now - $0.value.at < Self.staleness }
      return state.latest.sorted { $0.key < $1.key }.map(\.value.heartbeat)
    }
    stream.onWritable { [weak self] in self?.sendUnsent(stream) }
    for report in reports { stream.send(message: report.wire(connection.knownClusterID ?? 0)) }
  }

  private func sendUnsent(_ stream: ClientStream) {
    let reports = state.withLock { state -> [RegionHeartbeat] in
      defer { state.unsent = [] }
      return state.unsent.sorted().compactMap { state.latest[$0]?.heartbeat }
    }
    for report in reports { stream.send(message: report.wire(connection.knownClusterID ?? 0)) }
  }

  fileprivate func received(_ response: Pdpb_RegionHeartbeatResponse) {
    if response.header.hasError {
      logger.debug(
        "a region's report was refused", metadata: ["reason": "\(response.header.error.message)"])
      guard response.regionID != 0, response.hasTargetPeer else { return }
      let refused = RefusedHeartbeat(
        regionID: response.regionID, peerID: response.targetPeer.id)
      state.withLock { $0.refused }?(refused)
      return
    }
    do throws(CodecError) {
      guard let step = try RegionOperator(response) else { return }
      state.withLock { $0.receive }?(step)
    } catch {
      logger.warning("a malformed operator was ignored", metadata: ["error": "\(error)"])
    }
  }

  fileprivate func lost(_ channel: RPCChannel, _ status: RPCStatus) {
    logger.info("region heartbeat stream ended", metadata: ["status": "\(status)"])
    connection.abandon(channel)
    retryLater()
  }

  private func retryLater() {
    let wait = state.withLock { state -> Duration? in
      if case .closed = state.phase { return nil }
      state.phase = .waiting
      defer { state.backoff = min(state.backoff * 2, Self.longestBackoff) }
      return state.backoff
    }
    guard let wait else { return }
    _ = host.after(wait) { [weak self] in self?.open() }
  }
}

/// What comes back on one such stream.
private final class RegionHeartbeatHandler: ClientStreamHandler {
  private let sender: RegionHeartbeatSender
  private let channel: RPCChannel
  private let stream: ClientStream

  init(sender: RegionHeartbeatSender, channel: RPCChannel, stream: ClientStream) {
    self.sender = sender
    self.channel = channel
    self.stream = stream
  }

  func onMetadata(_ metadata: RPCMetadata) { sender.accepted(stream) }

  func onMessage(_ message: ByteBuffer) {
    do throws(RPCStatus) {
      sender.received(try MessageCoding.decode(reply: message))
    } catch {
      stream.cancel()
    }
  }

  func onClose(_ status: RPCStatus) { sender.lost(channel, status) }
}
