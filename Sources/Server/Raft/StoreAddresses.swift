import Codec
import RPC
import Raftstore
import Runtime
import Synchronization

/// Where stores are, as the placement driver said last.
final class StoreAddresses: Sendable {
  private struct Known {
    var target: RPCTarget
    var at: Instant
  }

  /// Why a store cannot be reached.
  enum Failure: Error {
    /// It was removed from the cluster permanently.
    case tombstone
    case unknown(String)
  }

  private static let lifetime = Duration.seconds(60)

  private let pd: any PDClient
  private let clock: any Clock
  private let known = Mutex<[UInt64: Known]>([:])

  init(pd: any PDClient, clock: any Clock) {
    self.pd = pd
    self.clock = clock
  }

  /// The address of a store; at once if it was asked for lately. When the placement driver does not
  /// response, what it said last is still the best guess.
  func resolve(
    _ storeID: UInt64, _ completion: @escaping @Sendable (Result<RPCTarget, Failure>) -> Void
  ) {
    let last = known.withLock { $0[storeID] }
    if let last, clock.now - last.at < Self.lifetime { return completion(.success(last.target)) }
    pd.store(id: storeID) { [self] result in
      switch result {
      case .success(let store):
        completion(take(store))
      case .failure(let error):
        if let last, case .unreachable = error { return completion(.success(last.target)) }
        completion(.failure(.unknown("\(error)")))
      }
    }
  }

  /// Asks again next time: the store was not there.
  func invalidate(_ storeID: UInt64) {
    known.withLock { known in
      known[storeID]?.at = Instant(nanoseconds: 0)
    }
  }

  private func take(_ store: StoreInfo) -> Result<RPCTarget, Failure> {
    guard store.state != .tombstone else { return .failure(.tombstone) }
    let address = store.peerAddress.isEmpty ? store.address : store.peerAddress
    guard let target = RPCTarget(address) else {
      return .failure(.unknown("store \(store.id) has no usable address: \"\(address)\""))
    }
    known.withLock { $0[store.id] = Known(target: target, at: clock.now) }
    return .success(target)
  }
}
