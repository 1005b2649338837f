import NIOCore
import RPC
import Runtime

/// Metrics of requests, with TiKV's names.
struct RequestMetrics: Sendable {
  private struct Instruments {
    var duration: Histogram
    var failures: Counter
  }

  private let instruments: [String: Instruments]
  private let unknown: Counter

  /// - Parameter paths: the methods served. Requests for others count as `unknown`.
  init(_ metrics: Metrics, paths: [String]) {
    var instruments: [String: Instruments] = [:]
    for path in paths {
      let labels = [("type", Self.type(path))]
      instruments[path] = Instruments(
        duration: metrics.histogram(
          "tikv_grpc_msg_duration_seconds", "Time from a request's headers to its end.",
          labels: labels),
        failures: metrics.counter(
          "tikv_grpc_msg_fail_total", "Requests that ended with a gRPC error.", labels: labels))
    }
    self.instruments = instruments
    unknown = metrics.counter(
      "tikv_grpc_msg_fail_total", "Requests that ended with a gRPC error.",
      labels: [("type", "unknown")])
  }

  /// Records the end of a request.
  func observe(_ path: String, _ code: RPCCode, _ duration: TimeAmount) {
    guard let found = instruments[path] else { return unknown.increment() }
    found.duration.observe(.nanoseconds(duration.nanoseconds))
    if code != .ok { found.failures.increment() }
  }

  /// The label of a method: `raw_batch_get` for `/tikvpb.Tikv/RawBatchGet`.
  private static func type(_ path: String) -> String {
    var name = ""
    for character in path.drop(while: { $0 == "/" }).split(separator: "/").last ?? "" {
      if character.isUppercase, !name.isEmpty { name.append("_") }
      name += character.lowercased()
    }
    return name
  }
}
