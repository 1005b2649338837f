import PlacementDriver
import RPC
import SwiftProtobuf
import Synchronization

/// A stream on which each message is a question to the placement driver. Many may be under way;
/// responses keep the order, because one mailbox and one thread keep it. After the client's last
/// message the stream ends when all is completed.
final class PDRequestStream<Request: Message, Response: Message>: StreamHandler {
  private let service: PDService
  private let call: StreamCall
  private let method: PDService.Method<Request, Response>
  private let answers: StreamResponseMode
  private let progress = PDStreamProgress<Response>()
  private let name: UInt64

  init(
    _ service: PDService, _ call: StreamCall,
    _ method: @escaping PDService.Method<Request, Response>, _ answers: StreamResponseMode
  ) {
    self.service = service
    self.call = call
    self.method = method
    self.answers = answers
    name = service.streams.add(call)
    // Questions that are not completed yet hold their sender back.
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
    progress.asked()
    let bytes = message.readableBytes
    service.call(method, request) { [call, answers, progress] result in
      defer { call.consumed(bytes) }
      switch result {
      case .failure(let error):
        call.finish(RPCStatus(error))
      case .success(let response):
        if answers == .each { call.send(answer: response) }
        progress.answered(response).finish(call, answers)
      }
    }
  }

  func onHalfClose() {
    service.streams.remove(name)
    progress.halfClosed().finish(call, answers)
  }

  func onCancel(_ status: RPCStatus) {}
}

/// How far a stream of questions is; touched by the event loop and the driver's thread.
final class PDStreamProgress<Response: Message>: Sendable {
  private struct State {
    var owed = 0
    var isHalfClosed = false
    var last: Response?
  }

  /// What has to happen now.
  struct Outcome {
    var isOver: Bool
    var last: Response?

    func finish(_ call: StreamCall, _ answers: StreamResponseMode) {
      guard isOver else { return }
      if answers == .last { call.send(message: last ?? Response()) }
      call.finish()
    }
  }

  private let state = Mutex(State())

  func asked() { state.withLock { $0.owed += 1 } }

  func answered(_ response: Response) -> Outcome {
    state.withLock { state in
      state.owed -= 1
      state.last = response
      return Outcome(isOver: state.isHalfClosed && state.owed == 0, last: response)
    }
  }

  func halfClosed() -> Outcome {
    state.withLock { state in
      state.isHalfClosed = true
      return Outcome(isOver: state.owed == 0, last: state.last)
    }
  }
}

/// Which responses of a stream are sent.
enum StreamResponseMode: Sendable {
  case each
  /// The only response of a stream that goes one way.
  case last
}
