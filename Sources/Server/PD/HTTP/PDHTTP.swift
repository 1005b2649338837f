import NIOCore
import PlacementDriver
package import RPC
import Runtime
import Synchronization

/// PD's HTTP API: what TiKV's clients and tools, `pd-ctl` among them, request beside gRPC. Paths, JSON and refusals are
/// those of PD.
///
/// Calls go to PD's thread. Responses are encoded on a thread of their own, so that neither timestamps nor the event
/// loop wait for a long list.
package final class PDHTTP: Sendable {
  /// Requests that may wait.
  private static let capacity = 256
  /// Lists of regions gathered at a time: each may become large.
  private static let maxLists = 4

  let pd: PDService
  let metrics: Metrics
  /// Seconds since 1970.
  let startedAt: UInt64
  let clock: any Clock
  private let worker: Worker<@Sendable () -> Void>
  private let lists = Atomic<Int>(0)

  init(pd: PDService, host: any WorkerHost, metrics: Metrics) {
    self.pd = pd
    self.metrics = metrics
    clock = host.clock
    startedAt = host.clock.wallMilliseconds / 1000
    worker = host.spawn(name: "pd-http", capacity: Self.capacity) { _ in PDHTTPRunner() }
  }

  /// What the port serves.
  package var service: HTTPService {
    HTTPService { [self] request, done in serve(request, done) }
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

  /// Has PD run `body`, and makes the reply of what it returns on the thread for responses.
  func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ done: @escaping HTTPService.Done,
    reply: @escaping @Sendable (Response) -> HTTPReply
  ) {
    pd.call(body) { [self] result in
      switch result {
      case .success(let response): run(done) { done(reply(response)) }
      case .failure(let error): done(HTTPReply(error))
      }
    }
  }

  /// The same, for what exists only once the cluster is bootstrapped.
  func callCluster<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ done: @escaping HTTPService.Done,
    reply: @escaping @Sendable (Response) -> HTTPReply
  ) {
    call(
      { (core, reading) throws(PDError) in
        core.isBootstrapped ? try body(core, reading) : nil
      }, done
    ) { response in response.map(reply) ?? Self.notBootstrapped }
  }

  static let notBootstrapped = HTTPReply.json(
    500,
    "[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first")

  private func serve(_ request: HTTPRequest, _ done: @escaping HTTPService.Done) {
    if !request.isRead, let route = PDChangeRoute(request.method, request.path) {
      return serve(route, request, done)
    }
    guard let route = PDRoute(request.path) else {
      return done(.text(404, "404 page not found"))
    }
    // PD responds to a method that it does not know for a path so.
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
