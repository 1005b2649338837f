/// The reason of a retry and its backoff.
struct RetryReason: Sendable, Equatable {
  /// Nil: at once, elsewhere.
  var pause: Backoff.Reason?
  /// At least this long, where the server says so.
  var minimum: Duration = .zero
  var cause: AttemptFailure
  /// The request was sent and may have been, or may yet be, carried out.
  var isUndetermined = false
}
