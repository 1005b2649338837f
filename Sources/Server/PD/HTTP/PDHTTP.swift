import NIOCore
import PlacementDriver
package import RPC
import Runtime
import Synchronization

/// PD's HTTP API, for reading: what TiKV's clients and tools ask a placement driver beside gRPC. Paths,
/// shapes and refusals are those of PD.
///
/// Questions go to the driver's thread; responses are put into words on a thread of their own, so that
/// neither timestamps nor the event loop wait for a long list.
package final class PDHTTP: Sendable {
  /// Requests that may wait.
  private static let capacity = 256
  /// Lists of regions gathered at a time: each may become large.
  private static let maxLists = 4

  let placement: PDService
  let metrics: Metrics
  /// Seconds since 1970.
  let startedAt: UInt64
  let clock: any Clock
  private let worker: Worker<@Sendable () -> Void>
  private let lists = Atomic<Int>(0)

  init(placement: PDService, host: any WorkerHost, metrics: Metrics) {
    self.placement = placement
    self.metrics = metrics
    clock = host.clock
    startedAt = host.clock.wallMilliseconds / 1000
    worker = host.spawn(name: "pd-http", capacity: Self.capacity) { _ in PDHTTPRunner() }
  }

  /// What the port serves.
  package var service: HTTPService {
    HTTPService { [self] request, done in answer(request, done) }
  }

  /// Completes what waits, then ends. Blocks.
  func stop() { worker.stop() }

  /// Runs `work` on the thread for responses.
  func run(_ done: @escaping HTTPService.Done, _ work: @escaping @Sendable () -> Void) {
    if !worker.mailbox.send(work) { done(.text(503, "the placement driver is busy")) }
  }

  /// Takes part in the number of lists that may be gathered until the completion is called; nil when
  /// there are enough.
  func listing(_ done: @escaping HTTPService.Done) -> HTTPService.Done? {
    let (before, _) = lists.add(1, ordering: .relaxed)
    guard before < Self.maxLists else {
      lists.subtract(1, ordering: .relaxed)
      return nil
    }
    return { [self] reply in
      lists.subtract(1, ordering: .relaxed)
      done(reply)
    }
  }

  /// Asks the driver, and lets `body` make the reply of what it returns.
  func ask<Response: Sendable>(
    _ question: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ done: @escaping HTTPService.Done,
    reply body: @escaping @Sendable (Response) -> HTTPReply
  ) {
    placement.ask(question) { [self] result in
      switch result {
      case .success(let response): run(done) { done(body(response)) }
      case .failure(let error): done(HTTPReply(error))
      }
    }
  }

  /// As `ask`, for what there is only once the cluster has been bootstrapped.
  func askCluster<Response: Sendable>(
    _ question: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ done: @escaping HTTPService.Done,
    reply body: @escaping @Sendable (Response) -> HTTPReply
  ) {
    ask(
      { (driver, reading) throws(PDError) in
        driver.summary.isBootstrapped ? try question(driver, reading) : nil
      }, done
    ) { response in response.map(body) ?? Self.notBootstrapped }
  }

  static let notBootstrapped = HTTPReply.json(
    500,
    "[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first")

  private func answer(_ request: HTTPRequest, _ done: @escaping HTTPService.Done) {
    guard let route = PDRoute(request.path) else {
      return done(.text(404, "404 page not found"))
    }
    // A change over HTTP is not served; PD responds a method it does not know for a path so.
    if case .keyspaces(let name) = route { return keyspaces(name, request, done) }
    guard request.isRead else {
      return done(HTTPReply(code: 405, contentType: HTTPReply.plain, body: ByteBuffer()))
    }
    let query: HTTPQuery
    do throws(HTTPQuery.Malformed) {
      query = try HTTPQuery(request.query)
    } catch {
      return done(.json(400, error.description))
    }
    serve(route, query, done)
  }
}

private struct PDHTTPRunner: Handler {
  mutating func handle(_ batch: [@Sendable () -> Void]) {
    for work in batch { work() }
  }
}

extension HTTPReply {
  static let plain = "text/plain; charset=utf-8"

  static func text(_ code: Int, _ line: String) -> HTTPReply {
    HTTPReply(code: code, text: line + "\n")
  }

  static func json(_ code: Int = 200, _ value: some Encodable) -> HTTPReply {
    do {
      return json(code, bytes: try PDJSON.encode(value))
    } catch {
      return .text(500, "\(error)")
    }
  }

  static func json(_ code: Int = 200, bytes: ByteBuffer) -> HTTPReply {
    HTTPReply(code: code, contentType: "application/json; charset=UTF-8", body: bytes)
  }

  init(_ error: PDError) {
    self = .json(error.code == .unavailable ? 503 : 500, error.message)
  }
}
