import Wire

/// Why a call of the placement driver failed.
enum PDFailure: Error {
  /// This endpoint cannot be used now; another may do.
  case endpoint(String)
  /// It responded with an error of its own.
  case answered(Pdpb_ErrorType, String)
  /// No endpoint would respond otherwise.
  case refused(String)
}
