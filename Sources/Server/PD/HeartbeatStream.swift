import RPC
import Synchronization
import Wire

/// The streams on which stores receive operator steps for their regions: for each store the one that its last
/// message came on.
final class HeartbeatStreams: Sendable {
  private struct State {
    var streams: [UInt64: (token: UInt64, call: StreamCall)] = [:]
    var nextToken: UInt64 = 0
  }

  private let state = Mutex(State())

  func makeToken() -> UInt64 {
    state.withLock { state in
      state.nextToken += 1
      return state.nextToken
    }
  }

  func set(_ call: StreamCall, _ token: UInt64, forStore id: UInt64) {
    state.withLock { $0.streams[id] = (token, call) }
  }

  /// Whether the stream was still the store's; then the store has none any more.
  func remove(_ token: UInt64, ofStore id: UInt64) -> Bool {
    state.withLock { state in
      guard state.streams[id]?.token == token else { return false }
      state.streams[id] = nil
      return true
    }
  }

  func send(_ response: Pdpb_RegionHeartbeatResponse, toStore id: UInt64) {
    let stream = state.withLock { $0.streams[id]?.call }
    // To a store that does not read, the step is sent again after its next report.
    guard let stream, stream.isWritable else { return }
    stream.send(message: response)
  }
}

/// One store's `RegionHeartbeat` stream: its leaders' reports come in, operator steps go out.
final class HeartbeatStream: StreamHandler {
  private let service: PDService
  private let call: StreamCall
  private let streams: HeartbeatStreams
  private let onDisconnect: @Sendable (UInt64) -> Void
  private let token: UInt64
  private let name: UInt64
  private var storeID: UInt64 = 0

  init(
    _ service: PDService, _ call: StreamCall, _ streams: HeartbeatStreams,
    onDisconnect: @escaping @Sendable (UInt64) -> Void
  ) {
    self.service = service
    self.call = call
    self.streams = streams
    self.onDisconnect = onDisconnect
    token = streams.makeToken()
    name = service.streams.add(call)
    // Reports that are not taken in yet hold their sender back.
    call.holdReceived()
    // Some clients wait for the headers before their first message.
    call.sendHeaders()
  }

  deinit { service.streams.remove(name) }

  func onMessage(_ message: Payload) {
    let request: Pdpb_RegionHeartbeatRequest
    do throws(RPCStatus) {
      request = try MessageCoding.decode(message, malformed: .internal)
    } catch {
      return call.finish(error)
    }
    let sender = request.leader.storeID
    if sender != 0 {
      // One stream is one store's: it keeps no place under the names it had before.
      if sender != storeID, storeID != 0 { _ = streams.remove(token, ofStore: storeID) }
      storeID = sender
      // Every time: another stream may have named the same store meanwhile, by mistake or by intent.
      streams.set(call, token, forStore: sender)
    }
    let bytes = message.readableBytes
    service.call(PDMethods.regionHeartbeat, request) { [call] result in
      defer { call.consumed(bytes) }
      switch result {
      case .failure(let error): call.finish(RPCStatus(error))
      case .success(let response?): call.send(message: response)
      case .success(nil): break
      }
    }
  }

  func onHalfClose() {
    leave()
    call.finish()
  }

  func onCancel(_ status: RPCStatus) { leave() }

  private func leave() {
    if storeID != 0, streams.remove(token, ofStore: storeID) { onDisconnect(storeID) }
  }
}
