import Runtime

/// What an operation may still spend, and what became of its attempts so far.
struct RetryBudget: Sendable {
  let time: ClientTime
  let deadline: Instant
  let isWrite: Bool
  let retriesUndetermined: Bool
  private var backoff = Backoff()
  /// Attempts in a row that were to be followed by another at once.
  private var hurried = 0
  private var mayHaveHappened = false

  init(_ options: ClientOptions, time: ClientTime, isWrite: Bool = false, within: Duration? = nil) {
    self.time = time
    deadline = time.clock.now + (within ?? options.timeout)
    self.isWrite = isWrite
    retriesUndetermined = options.retriesUndeterminedWrites
  }

  /// Never negative.
  var remaining: Duration { max(.zero, deadline - time.clock.now) }

  /// Waits until the next attempt; throws if there will be none.
  mutating func pause(_ setback: Setback) async throws(ClientError) {
    if isWrite, setback.mayHaveHappened {
      mayHaveHappened = true
      guard retriesUndetermined else { throw .undetermined(last: setback.cause) }
    }
    var reason = setback.pause
    if reason == nil {
      // Two stores that each name the other as leader must not be asked in a tight loop.
      hurried += 1
      if hurried > 3 { reason = .noLeader }
    }
    guard let reason else {
      guard time.clock.now < deadline else { throw outOfTime(setback.cause) }
      return
    }
    hurried = 0
    let pause = max(setback.minimum, backoff.next(reason, chance: time.chance()))
    guard time.clock.now + pause < deadline else { throw outOfTime(setback.cause) }
    do {
      try await time.sleep(pause)
    } catch {
      throw isWrite && mayHaveHappened ? .undetermined(last: setback.cause) : .cancelled
    }
  }

  private func outOfTime(_ cause: ClientCause) -> ClientError {
    isWrite && mayHaveHappened ? .undetermined(last: cause) : .deadlineExceeded(last: cause)
  }

  /// An error that ends the operation, as it is for the operation as a whole.
  func final(_ error: ClientError) -> ClientError {
    guard isWrite, mayHaveHappened else { return error }
    switch error {
    case .undetermined: return error
    case .deadlineExceeded(let last): return .undetermined(last: last)
    default: return .undetermined(last: .placement("\(error)"))
    }
  }
}
