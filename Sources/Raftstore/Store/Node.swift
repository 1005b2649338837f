package import Codec
import Logging
import Runtime

/// Starts a store: bootstrap, then its workers.
package enum Node {
  /// Joins or bootstraps the cluster the scheduler serves, then starts the store.
  ///
  /// Waits for the scheduler with growing pauses; what cannot be mended by waiting is thrown.
  ///
  /// - Parameters:
  ///   - info: addresses, labels, version; the id is filled in.
  ///   - environment: its snapshot manager must be open.
  ///   - router: where the transport delivers.
  package static func start(
    info: StoreInfo, config: RaftstoreConfig, environment: RaftstoreEnvironment, router: Router
  ) async throws(StoreError) -> Store {
    if let problem = config.problem() { throw .invalidConfig(problem) }
    var bootstrap = StoreBootstrap(
      info: info, engine: environment.engine, logs: environment.logs)
    var event = StoreBootstrap.Event.start
    while true {
      let action = try bootstrap.handle(event)
      if case .done(let ident, let info) = action {
        return try Store.start(
          ident: ident, info: info, config: config, environment: environment, router: router)
      }
      event = await withCheckedContinuation { continuation in
        perform(action, environment) { continuation.resume(returning: $0) }
      }
      if case .storePut(.failure(let error)) = event {
        environment.logger.warning(
          "the placement driver does not register this store", metadata: ["reason": "\(error)"])
      }
    }
  }

  /// Has an action done and hands over what came of it, once.
  package static func perform(
    _ action: StoreBootstrap.Action, _ environment: RaftstoreEnvironment,
    _ done: @escaping @Sendable (StoreBootstrap.Event) -> Void
  ) {
    let pd = environment.pd
    switch action {
    case .fetchClusterID: pd.clusterID { done(.clusterID($0)) }
    case .allocateID: pd.allocateID { done(.allocated($0)) }
    case .fetchIsBootstrapped: pd.isBootstrapped { done(.isBootstrapped($0)) }
    case .bootstrap(let store, let region):
      pd.bootstrap(store: store, region: region) { done(.bootstrapped($0)) }
    case .fetchRegion(let key): pd.region(containing: key) { done(.region($0)) }
    case .putStore(let store): pd.putStore(store) { done(.storePut($0)) }
    case .wait(let pause):
      environment.logger.info("waiting for the placement driver")
      _ = environment.host.after(pause) { done(.waited) }
    case .done: done(.waited)
    }
  }
}
