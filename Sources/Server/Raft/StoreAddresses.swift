import Codec
import RPC
import Raftstore
import Runtime
import Synchronization

/// The addresses of stores, cached from the placement driver. Any thread.
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

  /// How long an address is used without asking the placement driver.
  private static let lifetime = Duration.seconds(60)

  private let pd: any PDClient
  private let clock: any Clock
  private let known = Mutex<[UInt64: Known]>([:])

  init(pd: any PDClient, clock: any Clock) {
    self.pd = pd
    self.clock = clock
  }

  /// Passes on the address of a store: at once if it is cached, else from the placement driver. If that does not
  /// respond, an expired address is used.
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

  /// Marks the address as expired: the store could not be reached.
  func invalidate(_ storeID: UInt64) {
    known.withLock { known in
      known[storeID]?.at = Instant(nanoseconds: 0)
    }
  }

  private func take(_ store: StoreInfo) -> Result<RPCTarget, Failure> {
    guard store.state != .tombstone else { return .failure(.tombstone) }
    let address = store.peerAddress.isEmpty ? store.address : store.peerAddress
    guard let target = RPCTarget(address) else {
      return .failure(.unknown("invalid address '\(address)' of store \(store.id)"))
    }
    known.withLock { $0[store.id] = Known(target: target, at: clock.now) }
    return .success(target)
  }
}
