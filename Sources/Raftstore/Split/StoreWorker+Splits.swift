package import Codec
import Runtime

/// A leader's request for the ids of the regions that a split of `region` will make.
package struct SplitQuestion: Sendable {
  package var region: Region
  package var peerID: UInt64
  /// Of the prepared split, for the response.
  package var number: UInt64
  package var count: UInt32
}

// What leaders have the placement driver do for their splits.
extension StoreWorker {
  func ask(_ question: SplitQuestion) {
    let router = router
    pd.askBatchSplit(question.region, count: question.count) { result in
      router.post(
        .splitIDs(
          regionID: question.region.id, peerID: question.peerID, number: question.number, result),
        to: question.region.id)
    }
  }

  /// A lost report is made good by the heartbeats of the regions' leaders.
  func reportSplit(_ regions: [Region]) {
    let logger = logger
    pd.reportBatchSplit(regions) { result in
      guard case .failure(let error) = result else { return }
      logger.info("the split into \(regions) is not reported: \(error)")
    }
  }
}
