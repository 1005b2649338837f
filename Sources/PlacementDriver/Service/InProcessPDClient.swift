package import Codec
package import Runtime
import Synchronization

/// How calls reach a PD whose core is in the same process, and how operator steps come back.
package protocol PDTransport: AnyObject, Sendable {
  /// Has PD's thread run `body`. The completion is called exactly once, on any thread.
  func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDClientError>) -> Void)
  /// Passes a leader's report to PD. It may be lost: leaders report again.
  func report(_ heartbeat: RegionHeartbeat)
  /// Sets the receiver of operator steps; called before the first report.
  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void)
  /// Sets the receiver of refused reports; called before the first report.
  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void)
}

/// PD as a store in the same process sees it: calls of `PDCore` with plain values.
package final class InProcessPDClient<Transport: PDTransport>: PDClient {
  private let transport: Transport

  package init(_ transport: Transport) {
    self.transport = transport
  }

  package func clusterID(
    _ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void
  ) {
    transport.call({ core, _ in core.clusterID }, completion)
  }

  package func allocateID(
    _ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void
  ) {
    transport.call({ (core, _) throws(PDError) in try core.allocateIDs() }, completion)
  }

  package func timestamp(
    _ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void
  ) {
    transport.call(
      { (core, reading) throws(PDError) in try core.timestamps.take(1, reading) }, completion)
  }

  package func isBootstrapped(
    _ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void
  ) {
    transport.call({ core, _ in core.isBootstrapped }, completion)
  }

  package func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    transport.call(
      { (core, reading) throws(PDError) in
        try core.bootstrap(store: store, region: region, reading)
      }, completion)
  }

  package func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    transport.call(
      { (core, reading) throws(PDError) in try core.putStore(store, reading) }, completion)
  }

  package func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    transport.call({ (core, _) throws(PDError) in try core.store(id: id).info }, completion)
  }

  package func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    transport.call({ (core, _) throws(PDError) in try core.region(containing: key) }) { result in
      completion(result.map { $0?.region })
    }
  }

  package func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    transport.call({ (core, _) throws(PDError) in try core.region(id: id) }) { result in
      completion(result.map { $0?.region })
    }
  }

  package func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void
  ) {
    transport.call(
      { (core, reading) throws(PDError) in
        try core.askBatchSplit(region, count: count, reading)
      }, completion)
  }

  package func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    transport.call({ (core, _) throws(PDError) in try core.reportSplit(regions) }, completion)
  }

  package func storeHeartbeat(
    _ heartbeat: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void
  ) {
    transport.call(
      { (core, reading) throws(PDError) in try core.storeHeartbeat(heartbeat, reading) },
      completion)
  }

  package func regionHeartbeat(_ heartbeat: RegionHeartbeat) { transport.report(heartbeat) }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    transport.onOperator(receive)
  }

  package func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    transport.onRefusal(receive)
  }

  package func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    transport.call(
      { (core, _) throws(PDError) in
        try core.reportMinResolvedTS(timestamp, storeID: storeID)
      }, completion)
  }
}

/// Calls that go to PD's mailbox without a network between.
package final class MailboxPDTransport: PDTransport {
  private let mailbox: Mailbox<PDMessage>
  private let receive = Mutex<(@Sendable (RegionOperator) -> Void)?>(nil)
  private let refused = Mutex<(@Sendable (RefusedHeartbeat) -> Void)?>(nil)

  package init(_ mailbox: Mailbox<PDMessage>) {
    self.mailbox = mailbox
  }

  package func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDClientError>) -> Void
  ) {
    mailbox.call(body) { completion($0.mapError(PDClientError.init)) }
  }

  package func report(_ heartbeat: RegionHeartbeat) {
    mailbox.call({ (core, reading) throws(PDError) in
      try core.regionHeartbeat(heartbeat, reading)
    }) { [weak self] result in
      switch result {
      case .success(nil): break
      case .success(let step?): self?.deliver([step])
      case .failure(let error) where error.refusal != nil:
        let receive = self?.refused.withLock { $0 }
        receive?(
          RefusedHeartbeat(regionID: heartbeat.region.id, peerID: heartbeat.leader.id))
      case .failure: break
      }
    }
  }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    self.receive.withLock { $0 = receive }
  }

  package func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    refused.withLock { $0 = receive }
  }

  /// Passes on what PD sends without a report.
  package func deliver(_ steps: [RegionOperator]) {
    guard let receive = receive.withLock({ $0 }) else { return }
    for step in steps { receive(step) }
  }
}

extension Mailbox<PDMessage> {
  /// Has PD's thread run `body`. The completion is called exactly once: on PD's thread or, when the mailbox is full
  /// or closed, on this one.
  package func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    let owed = Completion<Result<Response, PDError>>(abandoned: .failure(.stopped), completion)
    if !send(.call(PDCall(owed, body))) {
      owed(.failure(PDError(.unavailable, "the placement driver is busy or stopping")))
    }
  }
}

extension PDClientError {
  package init(_ error: PDError) {
    switch error.refusal {
    case .alreadyBootstrapped: self = .alreadyBootstrapped
    case .notBootstrapped: self = .notBootstrapped
    case .duplicatedEntry: self = .replaced(error.message)
    case .storeTombstone: self = .storeTombstone(error.message)
    case nil where error.code == .unavailable: self = .unreachable(error.message)
    default: self = .refused(error.message)
    }
  }
}
