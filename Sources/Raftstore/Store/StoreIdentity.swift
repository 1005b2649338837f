package import Codec
package import Runtime
import Synchronization

/// The sender and receiver of a stream between two stores, as its headers declare.
///
/// Raft messages name stores and peers by ids that every cluster counts from the same numbers, so a
/// store that was left over from another cluster, or a process of the past, would pass for a member.
package struct StoreStreamIdentity: Sendable, Hashable {
  package var clusterID: UInt64
  package var fromStoreID: UInt64
  package var toStoreID: UInt64
  /// Which start of the sending store's process: grows with each start on its data directory.
  package var incarnation: UInt64
  /// Whether the sender's raw values include their expiry.
  package var hasTTL: Bool

  package init(
    clusterID: UInt64, fromStoreID: UInt64, toStoreID: UInt64, incarnation: UInt64,
    hasTTL: Bool = false
  ) {
    self.clusterID = clusterID
    self.fromStoreID = fromStoreID
    self.toStoreID = toStoreID
    self.incarnation = incarnation
    self.hasTTL = hasTTL
  }

  private static let clusterHeader = "apus-cluster-id"
  private static let fromHeader = "apus-from-store"
  private static let toHeader = "apus-to-store"
  private static let incarnationHeader = "apus-incarnation"
  /// Missing if values have no expiry: the first versions do not send it.
  private static let ttlHeader = "apus-ttl"

  /// Names and decimal values.
  package var headers: [(String, String)] {
    [
      (Self.clusterHeader, "\(clusterID)"), (Self.fromHeader, "\(fromStoreID)"),
      (Self.toHeader, "\(toStoreID)"), (Self.incarnationHeader, "\(incarnation)"),
    ] + (hasTTL ? [(Self.ttlHeader, "1")] : [])
  }

  /// Nil when a header is missing or is no number.
  package init?(header: (String) -> String?) {
    guard let cluster = header(Self.clusterHeader).flatMap(UInt64.init),
      let from = header(Self.fromHeader).flatMap(UInt64.init),
      let to = header(Self.toHeader).flatMap(UInt64.init),
      let incarnation = header(Self.incarnationHeader).flatMap(UInt64.init)
    else { return nil }
    self.init(
      clusterID: cluster, fromStoreID: from, toStoreID: to, incarnation: incarnation,
      hasTTL: header(Self.ttlHeader) == "1")
  }
}

/// Why a stream of another store is refused.
package enum StoreStreamRefusal: Error, Sendable, Hashable {
  /// The headers that every stream between stores carries are missing or are no numbers.
  case anonymous
  case otherCluster(theirs: UInt64, ours: UInt64)
  case otherReceiver(meant: UInt64, ours: UInt64)
  /// The sender calls itself by our id, or by none.
  case impossibleSender(UInt64)
  /// A process of the past, or of a copy of the store's directory.
  case earlierIncarnation(storeID: UInt64, theirs: UInt64, newest: UInt64)
  case tooManyStores
  /// Only one of the two stores has TTL: each would misread the values that the other replicates.
  case otherFormat(storeID: UInt64, hasTTL: Bool)

  /// Short and without numbers, for metrics.
  package var label: String {
    switch self {
    case .anonymous: "no_identity"
    case .otherCluster: "mismatch_cluster_id"
    case .otherReceiver: "mismatch_store_id"
    case .impossibleSender: "invalid_sender"
    case .earlierIncarnation: "stale_incarnation"
    case .tooManyStores: "too_many_stores"
    case .otherFormat: "mismatch_ttl"
    }
  }

  package static let labels = [
    "no_identity", "mismatch_cluster_id", "mismatch_store_id", "invalid_sender",
    "stale_incarnation", "too_many_stores", "mismatch_ttl",
  ]
}

extension StoreStreamRefusal: CustomStringConvertible {
  package var description: String {
    switch self {
    case .anonymous: "the stream does not say which cluster and store it comes from"
    case .otherCluster(let theirs, let ours):
      "the stream comes from cluster \(theirs), this store belongs to cluster \(ours)"
    case .otherReceiver(let meant, let ours):
      "the stream is for store \(meant), this is store \(ours)"
    case .impossibleSender(let id):
      "the stream says that it comes from store \(id), which is not another store"
    case .earlierIncarnation(let id, let theirs, let newest):
      "store \(id) was started again: incarnation \(theirs) is older than \(newest)"
    case .tooManyStores: "streams of too many stores were opened"
    case .otherFormat(let id, let hasTTL):
      "the values of store \(id) are written \(hasTTL ? "with" : "without") expiry, those of this store "
        + "\(hasTTL ? "without" : "with"): all stores of a cluster need the same --enable-ttl"
    }
  }
}

/// Decides which streams of other stores a store accepts. Callable from any thread.
///
/// Of one store's streams those of the newest incarnation among the open ones are served: a process of the
/// past stays out while its successor is connected. Nothing is remembered beyond that. An incarnation is
/// only a claim, and one that was made up must not keep the true store out once its stream is closed.
package final class StoreStreamGate: Sendable {
  /// The open streams of one store.
  private struct Sender {
    var streams: [UInt64: Int] = [:]
    /// The greatest key of `streams`.
    var newest: UInt64 = 0
  }

  private let ident: StoreIdent
  private let hasTTL: Bool
  private let senders = Mutex<[UInt64: Sender]>([:])
  /// Stores that may have streams open: a cluster has fewer.
  private static let maxStores = 4096

  /// - Parameter hasTTL: whether this store's raw values include their expiry.
  package init(_ ident: StoreIdent, hasTTL: Bool = false) {
    self.ident = ident
    self.hasTTL = hasTTL
  }

  /// Whether a stream may be opened; nil: it says nothing of itself.
  ///
  /// - Returns: the stream, which counts as open until it is closed or dropped.
  package func admit(
    _ identity: StoreStreamIdentity?
  ) throws(StoreStreamRefusal) -> AdmittedStream {
    let identity = try checked(identity)
    try senders.withLock { (senders) throws(StoreStreamRefusal) in
      var sender = senders[identity.fromStoreID] ?? Sender()
      if sender.streams.isEmpty, senders.count >= Self.maxStores { throw .tooManyStores }
      try Self.check(identity, sender)
      sender.streams[identity.incarnation, default: 0] += 1
      sender.newest = identity.incarnation
      senders[identity.fromStoreID] = sender
    }
    return AdmittedStream(identity, self)
  }

  /// Whether a single call is served; nil: it says nothing of itself.
  package func verify(_ identity: StoreStreamIdentity?) throws(StoreStreamRefusal) {
    try confirm(try checked(identity))
  }

  /// An identity that this store accepts, whatever streams are open.
  private func checked(
    _ identity: StoreStreamIdentity?
  ) throws(StoreStreamRefusal) -> StoreStreamIdentity {
    guard let identity else { throw .anonymous }
    guard identity.clusterID == ident.clusterID else {
      throw .otherCluster(theirs: identity.clusterID, ours: ident.clusterID)
    }
    guard identity.toStoreID == ident.storeID else {
      throw .otherReceiver(meant: identity.toStoreID, ours: ident.storeID)
    }
    guard identity.fromStoreID != 0, identity.fromStoreID != ident.storeID else {
      throw .impossibleSender(identity.fromStoreID)
    }
    guard identity.hasTTL == hasTTL else {
      throw .otherFormat(storeID: identity.fromStoreID, hasTTL: identity.hasTTL)
    }
    return identity
  }

  /// Whether a stream that was admitted may go on: none of a later incarnation of its store is open.
  fileprivate func confirm(_ identity: StoreStreamIdentity) throws(StoreStreamRefusal) {
    try senders.withLock { (senders) throws(StoreStreamRefusal) in
      if let sender = senders[identity.fromStoreID] { try Self.check(identity, sender) }
    }
  }

  fileprivate func close(_ identity: StoreStreamIdentity) {
    senders.withLock { senders in
      guard var sender = senders[identity.fromStoreID],
        let open = sender.streams[identity.incarnation]
      else { return }
      if open > 1 {
        sender.streams[identity.incarnation] = open - 1
      } else {
        sender.streams[identity.incarnation] = nil
        if identity.incarnation == sender.newest { sender.newest = sender.streams.keys.max() ?? 0 }
      }
      senders[identity.fromStoreID] = sender.streams.isEmpty ? nil : sender
    }
  }

  private static func check(
    _ identity: StoreStreamIdentity, _ sender: Sender
  ) throws(StoreStreamRefusal) {
    guard identity.incarnation < sender.newest else { return }
    throw .earlierIncarnation(
      storeID: identity.fromStoreID, theirs: identity.incarnation, newest: sender.newest)
  }
}

/// A stream of another store that was accepted. Callable from any thread; dropping it closes it.
package final class AdmittedStream: Sendable {
  package let identity: StoreStreamIdentity
  private let gate: StoreStreamGate
  private let isClosed = Atomic<Bool>(false)

  fileprivate init(_ identity: StoreStreamIdentity, _ gate: StoreStreamGate) {
    self.identity = identity
    self.gate = gate
  }

  deinit { close() }

  /// Whether the stream may go on: none of a later incarnation of its store is open.
  package func confirm() throws(StoreStreamRefusal) { try gate.confirm(identity) }

  /// Ends the stream's say in which incarnation is the newest. Idempotent.
  package func close() {
    if !isClosed.exchange(true, ordering: .relaxed) { gate.close(identity) }
  }
}

/// Which refusals are logged: one of each sender and kind in a while, since whoever is refused comes again.
package struct RefusalLog: Sendable {
  private struct Kind: Hashable {
    var storeID: UInt64
    var label: String
  }

  private var logged: [Kind: Instant] = [:]
  private static let interval = Duration.seconds(60)
  private static let maxKinds = 256

  package init() {}

  /// Whether this one is logged.
  package mutating func admits(
    _ refusal: StoreStreamRefusal, from identity: StoreStreamIdentity?, now: Instant
  ) -> Bool {
    let kind = Kind(storeID: identity?.fromStoreID ?? 0, label: refusal.label)
    if let last = logged[kind], now - last < Self.interval { return false }
    if logged.count >= Self.maxKinds {
      logged = logged.filter { now - $0.value < Self.interval }
      // Someone invents ids: nothing more is said of new ones for a while.
      if logged.count >= Self.maxKinds { return false }
    }
    logged[kind] = now
    return true
  }
}
