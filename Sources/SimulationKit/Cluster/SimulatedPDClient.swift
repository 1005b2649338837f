package import Codec
package import PlacementDriver
import Protobuf
import Runtime

/// PD as a store's process sees it, over the simulated network.
package typealias SimulatedPDClient = InProcessPDClient<SimulatedPDTransport>

extension SimulatedPDClient {
  package convenience init(process: SimulatedProcess, pd: SimulatedPD) {
    self.init(SimulatedPDTransport(process: process, pd: pd))
  }
}

/// Calls from one process to PD's machine.
package final class SimulatedPDTransport: PDTransport {
  private static let timeout = Duration.seconds(3)

  private let process: SimulatedProcess
  private let pd: ThreadBound<SimulatedPD>

  init(process: SimulatedProcess, pd: SimulatedPD) {
    self.process = process
    self.pd = ThreadBound(pd)
  }

  package func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDClientError>) -> Void
  ) {
    pd.value.call(from: process, timeout: Self.timeout, body, completion)
  }

  package func report(_ heartbeat: RegionHeartbeat) {
    pd.value.report(heartbeat, from: process)
  }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    pd.value.connect(process, receive)
  }

  package func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    pd.value.connectRefusals(process, receive)
  }
}
