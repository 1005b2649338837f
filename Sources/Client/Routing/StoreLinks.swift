import NIOCore
import RPC
import Synchronization

/// The cached addresses of stores, and the connections to servers. Any thread.
final class StoreLinks: Sendable {
  private struct State {
    var addresses: [UInt64: StoreAddress] = [:]
    /// By address.
    var links: [String: [ServerLink]] = [:]
    /// Counts calls of `link`, which use the connections of an address in rotation.
    var calls = 0
    var isClosed = false
  }

  private let group: any EventLoopGroup
  private let linksPerStore: Int
  private let connectTimeout: Duration
  private let state = Mutex(State())

  init(group: any EventLoopGroup, linksPerStore: Int, connectTimeout: Duration) {
    self.group = group
    self.linksPerStore = max(1, linksPerStore)
    self.connectTimeout = connectTimeout
  }

  /// The cached address of a store; nil if there is none.
  func address(of storeID: UInt64) -> StoreAddress? { state.withLock { $0.addresses[storeID] } }

  /// Caches the address of a store.
  func update(_ storeID: UInt64, _ address: String) {
    state.withLock { $0.addresses[storeID] = StoreAddress(text: address) }
  }

  /// Marks a store's address as stale: the store cannot be reached, and may have moved.
  func invalidateAddress(_ storeID: UInt64) {
    state.withLock { $0.addresses[storeID]?.isStale = true }
  }

  /// A connection to `address`; nil if the address is malformed, or after `close`.
  func link(to address: String) -> ServerLink? {
    state.withLock { state in
      guard !state.isClosed else { return nil }
      state.calls &+= 1
      if let links = state.links[address] { return links[Int(state.calls % links.count)] }
      guard let target = RPCTarget(address) else { return nil }
      let links = (0..<linksPerStore).map { _ in
        ServerLink(target: target, group: group, connectTimeout: connectTimeout)
      }
      state.links[address] = links
      return links[0]
    }
  }

  /// Closes all connections.
  func close() {
    let links = state.withLock { state in
      state.isClosed = true
      defer { state.links = [:] }
      return state.links
    }
    for link in links.values.joined() { link.close() }
  }
}
