import Codec
import Runtime

// Splits by load.
extension Peer {
  /// The readers of this store report that the region is hot. A leader divides it where that divides the reads.
  func readLoadReported(_ report: ReadLoadReport) {
    guard hasAppliedOwnTerm, !isSplitting, splitting.prepared == nil else { return }
    guard let key = splitting.load.add(report, context.config.reads.loadSplit) else { return }
    guard region.contains(key) else { return }
    let (logger, id) = (context.logger, regionID)
    logger.info(
      "region \(id): is split at \(key.hex) for its load",
      metadata: ["queries": "\(report.queries)", "bytes": "\(report.bytes)"])
    prepareSplit(
      [key], sharesSize: false,
      Completion(abandoned: .failure(.staleCommand)) { outcome in
        guard case .failure(let error) = outcome else { return }
        logger.info("region \(id): is not split for its load now: \(error)")
      })
  }
}
