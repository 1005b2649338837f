import Runtime

/// The remaining time of an operation, and what its attempts so far mean for the final error.
struct RetryBudget: Sendable {
  let time: ClientTime
  let deadline: Instant
  let isWrite: Bool
  /// Whether a write that may have taken effect is sent again. Initially `ClientOptions.retriesUndeterminedWrites`.
  var retriesUndetermined: Bool
  private var backoff = Backoff()
  /// Retries without a pause since the last pause.
  private var immediateRetries = 0
  /// Whether an attempt of a write may have taken effect.
  private var isUndetermined = false

  /// - Parameter within: the operation's duration; nil for `options.timeout`.
  init(_ options: ClientOptions, time: ClientTime, isWrite: Bool = false, within: Duration? = nil) {
    self.time = time
    deadline = time.clock.now + (within ?? options.timeout)
    self.isWrite = isWrite
    retriesUndetermined = options.retriesUndeterminedWrites
  }

  /// The time until the deadline; never negative.
  var remaining: Duration { max(.zero, deadline - time.clock.now) }

  /// Pauses before the next attempt. Throws the operation's error if there is no time for one, or if the
  /// outcome of a write is unknown and must not be retried.
  mutating func pause(_ retryReason: RetryReason) async throws(ClientError) {
    if isWrite, retryReason.isUndetermined {
      isUndetermined = true
      guard retriesUndetermined else { throw .undetermined(last: retryReason.cause) }
    }
    var reason = retryReason.pause
    if reason == nil {
      // Two stores that each name the other as leader must not be called in a tight loop.
      immediateRetries += 1
      if immediateRetries > 3 { reason = .noLeader }
    }
    guard let reason else {
      guard time.clock.now < deadline else { throw deadlineError(retryReason.cause) }
      return
    }
    immediateRetries = 0
    let pause = max(retryReason.minimum, backoff.next(reason, random: time.random()))
    guard time.clock.now + pause < deadline else { throw deadlineError(retryReason.cause) }
    do {
      try await time.sleep(pause)
    } catch {
      throw isWrite && isUndetermined ? .undetermined(last: retryReason.cause) : .cancelled
    }
  }

  private func deadlineError(_ cause: AttemptFailure) -> ClientError {
    isWrite && isUndetermined ? .undetermined(last: cause) : .deadlineExceeded(last: cause)
  }

  /// The operation's error for an attempt's error: `undetermined` if an earlier attempt of a write may have
  /// taken effect.
  func final(_ error: ClientError) -> ClientError {
    guard isWrite, isUndetermined else { return error }
    switch error {
    case .undetermined: return error
    case .deadlineExceeded(let last): return .undetermined(last: last)
    default: return .undetermined(last: .pd("\(error)"))
    }
  }
}

/// Why an attempt is repeated, and after which pause.
struct RetryReason: Sendable, Equatable {
  /// Nil for a retry at once, which goes to another peer.
  var pause: Backoff.Reason?
  /// The shortest pause, from a server's hint.
  var minimum: Duration = .zero
  var cause: AttemptFailure
  /// Whether the request was sent and may have been executed, or may yet be.
  var isUndetermined = false
}
