import Runtime

/// The remaining time of an operation and the results of its attempts so far.
struct RetryBudget: Sendable {
  let time: ClientTime
  let deadline: Instant
  let isWrite: Bool
  let retriesUndetermined: Bool
  private var backoff = Backoff()
  /// Attempts in a row that were to be followed by another at once.
  private var isLowLatency = 0
  private var isUndetermined = false

  init(_ options: ClientOptions, time: ClientTime, isWrite: Bool = false, within: Duration? = nil) {
    self.time = time
    deadline = time.clock.now + (within ?? options.timeout)
    self.isWrite = isWrite
    retriesUndetermined = options.retriesUndeterminedWrites
  }

  /// Never negative.
  var remaining: Duration { max(.zero, deadline - time.clock.now) }

  /// Waits until the next attempt; throws if there will be none.
  mutating func pause(_ retryReason: RetryReason) async throws(ClientError) {
    if isWrite, retryReason.isUndetermined {
      isUndetermined = true
      guard retriesUndetermined else { throw .undetermined(last: retryReason.cause) }
    }
    var reason = retryReason.pause
    if reason == nil {
      // Two stores that each name the other as leader must not be asked in a tight loop.
      isLowLatency += 1
      if isLowLatency > 3 { reason = .noLeader }
    }
    guard let reason else {
      guard time.clock.now < deadline else { throw deadlineError(retryReason.cause) }
      return
    }
    isLowLatency = 0
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

  /// An error that ends the operation, as it is for the operation as a whole.
  func final(_ error: ClientError) -> ClientError {
    guard isWrite, isUndetermined else { return error }
    switch error {
    case .undetermined: return error
    case .deadlineExceeded(let last): return .undetermined(last: last)
    default: return .undetermined(last: .pd("\(error)"))
    }
  }
}

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
