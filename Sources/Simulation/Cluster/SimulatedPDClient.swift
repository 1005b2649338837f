package import Codec
import PlacementDriver
package import Raftstore
import Runtime
import Wire

/// The placement driver as a store's process reaches it, over the simulated network.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class SimulatedPDClient: PDClient, @unchecked Sendable {
  private static let timeout = Duration.seconds(3)

  private let process: SimulatedProcess
  private let driver: SimulatedPD
  private let network: SimulatedNetwork
  private var knownClusterID: UInt64 = 0
  private var receive: (@Sendable (RegionOperator) -> Void)?

  package init(
    process: SimulatedProcess, driver: SimulatedPD, network: SimulatedNetwork
  ) {
    self.process = process
    self.driver = driver
    self.network = network
  }

  private func ask<Request: Sendable, Answer: PDResponse, Value>(
    _ method:
      @escaping @Sendable (PDCore) -> (Request, ClockReading) throws(PDError) -> Answer,
    _ request: Request, _ completion: @escaping @Sendable (Result<Value, PDClientError>) -> Void,
    _ value: @escaping (Answer) throws(CodecError) -> Value
  ) {
    driver.ask(method, request, from: process, timeout: Self.timeout) { result in
      switch result {
      case .failure(let failure): completion(.failure(.unreachable("\(failure)")))
      case .success(.failure(let error)): completion(.failure(.refused("\(error)")))
      case .success(.success(let answer)):
        if answer.header.hasError {
          return completion(.failure(PDClientError(answer.header.error)))
        }
        completion(
          Result { () throws(CodecError) in try value(answer) }
            .mapError { .refused("malformed response: \($0)") })
      }
    }
  }

  private var header: Pdpb_RequestHeader {
    var header = Pdpb_RequestHeader()
    header.clusterID = knownClusterID
    return header
  }

  package func clusterID(
    _ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void
  ) {
    driver.ask(
      PDCore.getMembers, Pdpb_GetMembersRequest(), from: process, timeout: Self.timeout
    ) { [self] result in
      guard case .success(.success(let answer)) = result else {
        return completion(.failure(.unreachable("no answer")))
      }
      knownClusterID = answer.header.clusterID
      completion(.success(knownClusterID))
    }
  }

  package func allocateID(
    _ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void
  ) {
    var request = Pdpb_AllocIDRequest()
    request.header = header
    ask(PDCore.allocID, request, completion) { $0.id }
  }

  package func isBootstrapped(
    _ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void
  ) {
    var request = Pdpb_IsBootstrappedRequest()
    request.header = header
    ask(PDCore.isBootstrapped, request, completion) { $0.bootstrapped }
  }

  package func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    var request = Pdpb_BootstrapRequest()
    request.header = header
    request.store = store.wire
    request.region = region.wire
    ask(PDCore.bootstrap, request, completion) { _ in }
  }

  package func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    var request = Pdpb_PutStoreRequest()
    request.header = header
    request.store = store.wire
    ask(PDCore.putStore, request, completion) { _ in }
  }

  package func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    var request = Pdpb_GetStoreRequest()
    request.header = header
    request.storeID = id
    ask(PDCore.getStore, request, completion) { (answer) throws(CodecError) in
      try StoreInfo(answer.store)
    }
  }

  package func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    var request = Pdpb_GetRegionRequest()
    request.header = header
    request.regionKey = key.data
    ask(PDCore.getRegion, request, completion) { (answer) throws(CodecError) in
      answer.hasRegion ? try Region(answer.region) : nil
    }
  }

  package func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    var request = Pdpb_GetRegionByIDRequest()
    request.header = header
    request.regionID = id
    ask(PDCore.getRegionByID, request, completion) { (answer) throws(CodecError) in
      answer.hasRegion ? try Region(answer.region) : nil
    }
  }

  package func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    var request = Pdpb_StoreHeartbeatRequest()
    request.header = header
    request.stats = statistics.wire
    ask(PDCore.storeHeartbeat, request, completion) { _ in }
  }

  package func regionHeartbeat(_ heartbeat: RegionHeartbeat) {
    driver.report(heartbeat.wire(knownClusterID), from: process)
  }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    self.receive = receive
    driver.connect(process) { [weak self] response in self?.take(response) }
  }

  /// A response on the heartbeat stream.
  private func take(_ response: Pdpb_RegionHeartbeatResponse) {
    do throws(CodecError) {
      guard let order = try RegionOperator(response) else { return }
      receive?(order)
    } catch {
      preconditionFailure("the placement driver sent a malformed operator: \(error)")
    }
  }
}
