import NIOCore
import NIOPosix

/// A value that comes once, waited for with a deadline.
final class Signal<Value: Sendable>: Sendable {
  private let promise: EventLoopPromise<Value>

  init(of type: Value.Type = Value.self) {
    promise = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Value.self)
  }

  func send(_ value: Value) { promise.succeed(value) }

  func fail(_ error: any Error) { promise.fail(error) }

  func wait(_ timeout: TimeAmount = .seconds(60)) async throws -> Value {
    let promise = promise
    let alarm = promise.futureResult.eventLoop.scheduleTask(in: timeout) {
      promise.fail(Late())
    }
    defer { alarm.cancel() }
    return try await promise.futureResult.get()
  }

  deinit { promise.fail(Late()) }

  struct Late: Error {}
}
