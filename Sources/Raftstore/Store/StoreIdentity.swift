package import Codec
import Synchronization

/// Who speaks to whom on a stream between two stores, said in the stream's headers before the first message.
///
/// Raft messages name stores and peers by ids that every cluster counts from the same numbers, so a store that
/// was left over from another cluster, or a process of the past, would pass for a member.
package struct StoreStreamIdentity: Sendable, Hashable {
  package var clusterID: UInt64
  package var fromStoreID: UInt64
  package var toStoreID: UInt64
  /// Which start of the sending store's process: grows with each start on its data directory.
  package var incarnation: UInt64

  package init(clusterID: UInt64, fromStoreID: UInt64, toStoreID: UInt64, incarnation: UInt64) {
    self.clusterID = clusterID
    self.fromStoreID = fromStoreID
    self.toStoreID = toStoreID
    self.incarnation = incarnation
  }

  private static let clusterHeader = "apus-cluster-id"
  private static let fromHeader = "apus-from-store"
  private static let toHeader = "apus-to-store"
  private static let incarnationHeader = "apus-incarnation"

  /// Names and decimal values.
  package var headers: [(String, String)] {
    [
      (Self.clusterHeader, "\(clusterID)"), (Self.fromHeader, "\(fromStoreID)"),
      (Self.toHeader, "\(toStoreID)"), (Self.incarnationHeader, "\(incarnation)"),
    ]
  }

  /// Nil when a header is missing or is no number.
  package init?(header: (String) -> String?) {
    guard let cluster = header(Self.clusterHeader).flatMap(UInt64.init),
      let from = header(Self.fromHeader).flatMap(UInt64.init),
      let to = header(Self.toHeader).flatMap(UInt64.init),
      let incarnation = header(Self.incarnationHeader).flatMap(UInt64.init)
    else { return nil }
    self.init(
      clusterID: cluster, fromStoreID: from, toStoreID: to, incarnation: incarnation)
  }
}

/// Decides which streams of other stores a store accepts. Callable from any thread.
package final class StoreStreamGate: Sendable {
  private let ident: StoreIdent
  /// The newest incarnation heard of, by store.
  private let incarnations = Mutex<[UInt64: UInt64]>([:])
  /// Stores whose incarnations are remembered: a cluster has fewer, and whoever invents ids gets no memory.
  private static let maxStores = 4096

  package init(_ ident: StoreIdent) {
    self.ident = ident
  }

  /// Why a stream is refused; nil when it is accepted.
  package func refusal(of identity: StoreStreamIdentity?) -> String? {
    guard let identity else {
      return "the stream does not say which cluster and store it comes from"
    }
    guard identity.clusterID == ident.clusterID else {
      return "the stream comes from cluster \(identity.clusterID), this store belongs to cluster "
        + "\(ident.clusterID)"
    }
    guard identity.toStoreID == ident.storeID else {
      return "the stream is for store \(identity.toStoreID), this is store \(ident.storeID)"
    }
    guard identity.fromStoreID != 0, identity.fromStoreID != ident.storeID else {
      return "the stream comes from store \(identity.fromStoreID), this is store \(ident.storeID)"
    }
    return incarnations.withLock { incarnations in
      let newest = incarnations[identity.fromStoreID] ?? 0
      guard identity.incarnation >= newest else {
        return "store \(identity.fromStoreID) was started again: incarnation "
          + "\(identity.incarnation) is older than \(newest)"
      }
      if newest == 0, incarnations.count >= Self.maxStores { return "too many stores" }
      incarnations[identity.fromStoreID] = identity.incarnation
      return nil
    }
  }
}
