import NIOCore
import RPC
import Synchronization

/// Store addresses and connections.
final class StoreLinks: Sendable {
  private struct State {
    var addresses: [UInt64: StoreAddress] = [:]
    var links: [String: [ServerLink]] = [:]
    var turn = 0
    var isClosed = false
  }

  private let group: any EventLoopGroup
  private let linksPerStore: Int
  private let state = Mutex(State())

  init(group: any EventLoopGroup, linksPerStore: Int) {
    self.group = group
    self.linksPerStore = max(1, linksPerStore)
  }

  func address(of storeID: UInt64) -> StoreAddress? { state.withLock { $0.addresses[storeID] } }

  func update(_ storeID: UInt64, _ address: String) {
    state.withLock { $0.addresses[storeID] = StoreAddress(text: address) }
  }

  /// The store cannot be reached there: it may have moved.
  func invalidateLeader(_ storeID: UInt64) {
    state.withLock { $0.addresses[storeID]?.isStale = true }
  }

  /// A connection to `address`; nil if that is no address, or all is closed.
  func link(to address: String) -> ServerLink? {
    state.withLock { state in
      guard !state.isClosed else { return nil }
      state.turn &+= 1
      if let links = state.links[address] { return links[Int(state.turn % links.count)] }
      guard let target = RPCTarget(address) else { return nil }
      let links = (0..<linksPerStore).map { _ in ServerLink(target: target, group: group) }
      state.links[address] = links
      return links[0]
    }
  }

  func close() {
    let links = state.withLock { state in
      state.isClosed = true
      defer { state.links = [:] }
      return state.links
    }
    for link in links.values.joined() { link.close() }
  }
}
