import PlacementDriver
import RPC
import SwiftProtobuf
import Synchronization

/// A stream on which each message is a request to PD. Many may be in progress; responses keep the order of requests,
/// because one mailbox and one thread do for each stream. After the client's last message the stream ends when all are completed.
final class PDRequestStream<Request: Message, Response: Message>: StreamHandler {
  /// Carries out a request; completions come in the order of requests.
  typealias Serve =
    @Sendable (Request, @escaping @Sendable (Result<Response, PDError>) -> Void) -> Void

  private let service: PDService
  private let call: StreamCall
  private let serve: Serve
  private let mode: StreamResponseMode
  private let progress = PDStreamProgress<Response>()
  private let name: UInt64

  init(
    _ service: PDService, _ call: StreamCall, _ mode: StreamResponseMode,
    _ serve: @escaping Serve
  ) {
    self.service = service
    self.call = call
    self.serve = serve
    self.mode = mode
    name = service.streams.add(call)
    // Requests that are not completed yet hold their sender back.
    call.holdReceived()
  }

  deinit { service.streams.remove(name) }

  func onMessage(_ message: Payload) {
    let request: Request
    do throws(RPCStatus) {
      request = try MessageCoding.decode(message, malformed: .internal)
    } catch {
      return call.finish(error)
    }
    progress.received()
    let bytes = message.readableBytes
    serve(request) { [call, mode, progress] result in
      defer { call.consumed(bytes) }
      switch result {
      case .failure(let error):
        call.finish(RPCStatus(error))
      case .success(let response):
        if mode == .each { call.send(response: response) }
        progress.completed(response).finish(call, mode)
      }
    }
  }

  func onHalfClose() {
    service.streams.remove(name)
    progress.halfClosed().finish(call, mode)
  }

  func onCancel(_ status: RPCStatus) {}
}

/// How far a stream of requests is; used by the event loop and PD's thread.
final class PDStreamProgress<Response: Message>: Sendable {
  private struct State {
    /// Requests that were not completed yet.
    var pending = 0
    var isHalfClosed = false
    var last: Response?
  }

  /// What is to be done now.
  struct Outcome {
    var isOver: Bool
    var last: Response?

    func finish(_ call: StreamCall, _ mode: StreamResponseMode) {
      guard isOver else { return }
      if mode == .last { call.send(message: last ?? Response()) }
      call.finish()
    }
  }

  private let state = Mutex(State())

  func received() { state.withLock { $0.pending += 1 } }

  func completed(_ response: Response) -> Outcome {
    state.withLock { state in
      state.pending -= 1
      state.last = response
      return Outcome(isOver: state.isHalfClosed && state.pending == 0, last: response)
    }
  }

  func halfClosed() -> Outcome {
    state.withLock { state in
      state.isHalfClosed = true
      return Outcome(isOver: state.pending == 0, last: state.last)
    }
  }
}

/// Which responses of a stream are sent.
enum StreamResponseMode: Sendable {
  case each
  /// The only response of a stream that goes one way.
  case last
}
