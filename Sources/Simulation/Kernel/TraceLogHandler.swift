import Logging

/// Puts what stores log into the trace, for whoever reads that; it does not count for the hash.
struct TraceLogHandler: LogHandler {
  let scheduler: SimulationScheduler
  var logLevel = Logger.Level.debug
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let store = metadata["store"].map { "store\($0) " } ?? ""
    scheduler.annotate("\(store)\(event.level): \(event.message)")
  }
}
