package import Codec
package import Engine
package import Runtime

/// A region that a leader wants measured, and split keys of which it may make use.
package struct SplitCheck: Sendable {
  /// What is looked for.
  package enum Purpose: Sendable, Equatable {
    /// Keys that keep the region within the limits, if it has reached one.
    case limits
    /// One key in the middle, for the request of this number.
    case middle(request: UInt64)
  }

  package var region: Region
  package var peerID: UInt64
  package var purpose: Purpose
}

/// The outcome of a check, for the peer that asked for it.
package struct SplitCheckResult: Sendable {
  /// The region as it was when the check was asked for.
  package var region: Region
  package var peerID: UInt64
  package var purpose: SplitCheck.Purpose
  /// Nil if it cannot be read.
  package var size: RangeSize?
  /// Ascending; as the engine has them.
  package var splitKeys: [[UInt8]]
  /// Whether the keys divide the region into parts of about the same size. Not if there were more keys to be found: the
  /// last part has the rest of the region.
  package var isDividedEvenly: Bool
}

/// A client's or operator's request to split a region.
package struct SplitRequest: Sendable {
  package var context: RequestContext
  /// The first keys of the regions to be, in the form in which regions have them, in any order. None: the region
  /// is split in the middle of its data.
  package var keys: [[UInt8]]
  /// Called once, when the split is applied on the leader, with all resulting regions in key order; or with why
  /// there is none.
  package var completion: Completion<Result<[Region], RegionError>>

  package init(
    context: RequestContext, keys: [[UInt8]],
    completion: Completion<Result<[Region], RegionError>>
  ) {
    self.context = context
    self.keys = keys
    self.completion = completion
  }
}
