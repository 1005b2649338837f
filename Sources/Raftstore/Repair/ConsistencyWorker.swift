import Codec
package import Engine
import Logging
import RaftLog
import Runtime

/// Messages of the consistency worker.
package enum ConsistencyMessage: Sendable {
  /// Hash the data that the snapshot shows; completed by `RaftWorkerMessage.hashComputed`.
  case hash(HashRequest, any KVSnapshot)
  /// The worker's own: continue.
  case proceed
}

/// Hashes regions one after the other, at a limited rate, on a snapshot of the engine: neither the apply worker nor
/// other reads wait for it. Before that it reads the region's log, most of which is read by no one else.
struct ConsistencyWorker: Handler {
  /// Bytes hashed at a time.
  private static let partBytes = 1 << 20
  /// Requests that wait. An older one is dropped for a newer: its check misses this replica.
  private static let maxWaiting = 16

  private let router: Router
  private let mailbox: Mailbox<ConsistencyMessage>
  private let host: any WorkerHost
  private let logs: any RaftLogStore
  private let expiry: (@Sendable (RawSpan) -> UInt64?)?
  private let pause: Duration
  private let logger: Logger
  private var waiting: [(request: HashRequest, view: any KVSnapshot)] = []
  /// `nextEntry`: the log is read up to there.
  private var running: (request: HashRequest, hasher: RegionHasher, nextEntry: UInt64)?
  /// Whether a `proceed` is on its way.
  private var isProceeding = false

  init(
    config: ConsistencyConfig, router: Router, mailbox: Mailbox<ConsistencyMessage>,
    host: any WorkerHost, logs: any RaftLogStore, expiry: (@Sendable (RawSpan) -> UInt64?)?,
    logger: Logger
  ) {
    self.router = router
    self.mailbox = mailbox
    self.host = host
    self.logs = logs
    self.expiry = expiry
    self.logger = logger
    let rate = max(1, Int64(clamping: config.bytesPerSecond))
    pause = .nanoseconds(Int64(Self.partBytes) * 1_000_000_000 / rate)
  }

  mutating func handle(_ batch: [ConsistencyMessage]) {
    for message in batch {
      switch message {
      case .hash(let request, let view): add(request, view)
      case .proceed:
        isProceeding = false
        proceed()
      }
    }
    guard running != nil || !waiting.isEmpty, !isProceeding else { return }
    isProceeding = true
    let mailbox = mailbox
    _ = host.after(pause) { mailbox.post(.proceed) }
  }

  private mutating func add(_ request: HashRequest, _ view: any KVSnapshot) {
    waiting.removeAll { $0.request.region.id == request.region.id }
    if waiting.count >= Self.maxWaiting { waiting.removeFirst() }
    waiting.append((request, view))
  }

  private mutating func proceed() {
    if running == nil, !waiting.isEmpty {
      let (request, view) = waiting.removeFirst()
      running = (request, RegionHasher(request, view, expiry: expiry), 0)
    }
    guard let request = running?.request else { return }
    let id = request.region.id
    do throws(LogStoreError) {
      if try readLog(id) { return }
    } catch {
      running = nil
      logger.warning("region \(id): its log cannot be read: \(error)")
      guard case .corrupted = error else { return }
      router.post(
        .peerDamaged(regionID: id, peerID: request.peerID, kind: .log, reason: "\(error)"), to: id)
      return
    }
    do throws(EngineError) {
      guard let hash = try running?.hasher.hash(Self.partBytes) else { return }
      running = nil
      guard canVouch(request) else {
        logger.info("region \(id): values may have expired while it was hashed, it is not compared")
        return
      }
      router.post(
        .hashComputed(regionID: id, peerID: request.peerID, index: request.index, hash: hash),
        to: id)
    } catch {
      running = nil
      logger.warning("region \(id): cannot be hashed: \(error)")
      router.reportDamage(error, regionID: id, peerID: request.peerID)
    }
  }

  /// Reads the next part of the region's log. Returns whether there was one.
  private mutating func readLog(_ id: UInt64) throws(LogStoreError) -> Bool {
    let first = max(running?.nextEntry ?? 0, logs.firstIndex(id))
    let last = logs.lastIndex(id)
    guard first <= last else { return false }
    do throws(LogStoreError) {
      let entries = try logs.entries(
        id, from: first, to: last + 1, maxBytes: UInt64(Self.partBytes))
      guard let end = entries.last?.index else { return false }
      running?.nextEntry = end + 1
      return true
    } catch {
      switch error {
      // It was cut, or its end was replaced, since its bounds were read.
      case .compacted, .unavailable: return false
      default: throw error
      }
    }
  }

  /// Whether no compaction can have dropped a pair that the hash contains.
  private func canVouch(_ request: HashRequest) -> Bool {
    guard let limit = request.context.expiresAfter else { return true }
    return host.clock.wallMilliseconds / 1000 < limit
  }
}

extension Router {
  /// A read of a region's data has failed: if the data is damaged, its peer is fenced. Other errors of the disk say
  /// nothing about what is stored.
  ///
  /// - Parameter peerID: the peer whose data was read; nil for the one that is there.
  package func reportDamage(_ error: EngineError, regionID: UInt64, peerID: UInt64? = nil) {
    guard error.kind == .corruption else { return }
    post(
      .peerDamaged(regionID: regionID, peerID: peerID, kind: .data, reason: "\(error)"),
      to: regionID)
  }
}
