import Wire

/// Why the placement driver did not answer a question.
enum PlacementFailure: Error {
  /// This endpoint cannot be used now; another may do.
  case endpoint(String)
  /// It answered with an error of its own.
  case answered(Pdpb_ErrorType, String)
  /// No endpoint would answer otherwise.
  case refused(String)
}
