/// The last known address of a store.
struct StoreAddress: Sendable, Equatable {
  var text: String
  /// The placement driver is to be asked again; if it does not respond, this is still the best guess.
  var isStale = false
}
