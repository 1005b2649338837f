/// Where a store was when last heard of.
struct StoreAddress: Sendable, Equatable {
  var text: String
  /// The placement driver is to be asked again; if it does not answer, this is still the best guess.
  var isDoubtful = false
}
