/// Why an attempt has to be made again, and after what pause.
struct Setback: Sendable, Equatable {
  /// Nil: at once, elsewhere.
  var pause: Backoff.Reason?
  /// At least this long, where the server says so.
  var minimum: Duration = .zero
  var cause: ClientCause
  /// The request was sent and may have been, or may yet be, carried out.
  var mayHaveHappened = false
}
