package import RPC
import Synchronization
import Wire

/// `grpc.health.v1.Health`: whether this process serves. Clients send the name of any service, and take an
/// unknown name for a failed store; so the response does not depend on the name. Any thread.
package final class HealthService: Sendable {
  private struct State {
    var isServing = false
    var watchers: [UInt64: StreamCall] = [:]
    var nextID: UInt64 = 0
  }

  private let state = Mutex(State())
  private let streams: OpenStreams

  package init(streams: OpenStreams) {
    self.streams = streams
  }

  /// Whether this process serves.
  package var isServing: Bool { state.withLock { $0.isServing } }

  /// Changes the state, and sends it to all watchers if it is new.
  package func set(serving: Bool) {
    let watchers = state.withLock { state in
      let isChanged = state.isServing != serving
      state.isServing = serving
      return isChanged ? state.watchers.sorted { $0.key < $1.key }.map(\.value) : []
    }
    for watcher in watchers { watcher.send(message: response(serving)) }
  }

  /// Adds `grpc.health.v1.Health` to the router.
  package func register(on router: inout MethodRouter) {
    router.unary("/grpc.health.v1.Health/Check") { [self] payload, call in
      guard Self.isWellFormed(payload) else { return call.fail(Self.malformed) }
      call.reply(message: response(isServing))
    }
    router.stream("/grpc.health.v1.Health/Watch") { [self] call in
      HealthWatch(service: self, call: call)
    }
  }

  fileprivate static let malformed = RPCStatus(.internal, "malformed HealthCheckRequest")

  fileprivate static func isWellFormed(_ payload: Payload) -> Bool {
    do throws(RPCStatus) {
      let _: Grpc_Health_V1_HealthCheckRequest = try MessageCoding.decode(payload)
      return true
    } catch {
      return false
    }
  }

  fileprivate func add(_ call: StreamCall) -> (watcher: UInt64, stream: UInt64) {
    let (id, isServing) = state.withLock { state in
      state.nextID += 1
      state.watchers[state.nextID] = call
      return (state.nextID, state.isServing)
    }
    call.send(message: response(isServing))
    return (id, streams.add(call))
  }

  fileprivate func remove(_ names: (watcher: UInt64, stream: UInt64)) {
    state.withLock { $0.watchers[names.watcher] = nil }
    streams.remove(names.stream)
  }

  private func response(_ isServing: Bool) -> Grpc_Health_V1_HealthCheckResponse {
    .with { $0.status = isServing ? .serving : .notServing }
  }
}

/// A `Watch` call: receives the state now and whenever it changes.
private final class HealthWatch: StreamHandler {
  private let service: HealthService
  private let call: StreamCall
  private var names: (watcher: UInt64, stream: UInt64)?

  init(service: HealthService, call: StreamCall) {
    self.service = service
    self.call = call
  }

  func onMessage(_ message: Payload) {
    guard names == nil else { return }
    guard HealthService.isWellFormed(message) else { return call.finish(HealthService.malformed) }
    names = service.add(call)
  }

  /// The request is complete; the responses go on.
  func onHalfClose() {}

  func onCancel(_ status: RPCStatus) {
    if let names { service.remove(names) }
  }
}
