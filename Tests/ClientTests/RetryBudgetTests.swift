import Runtime
import Testing

@testable import Client

struct RetryBudgetTests {
  private static let cause = AttemptFailure.pd("x")

  private func budget(
    _ time: ManualTime, isWrite: Bool = false, retries: Bool = true,
    timeout: Duration = .seconds(10)
  ) -> RetryBudget {
    var options = ClientOptions()
    options.timeout = timeout
    options.retriesUndeterminedWrites = retries
    return RetryBudget(options, time: time.time, isWrite: isWrite)
  }

  @Test("Pauses double up to their cap")
  func pausesDouble() {
    var backoff = Backoff()
    let pauses = (0..<10).map { _ in backoff.next(.regionMiss, random: 0.5) }
    let expected = [2, 4, 8, 16, 32, 64, 128, 256, 500, 500].map { Duration.milliseconds($0) }
    #expect(pauses == expected)
    #expect(backoff.next(.serverBusy, random: 0) == .seconds(1))
    #expect(backoff.next(.serverBusy, random: 0.5) == .seconds(3))
    for _ in 0..<100 { _ = backoff.next(.transport, random: 0) }
    #expect(backoff.next(.transport, random: 0) == .seconds(1))
  }

  @Test("A retry that would end after the deadline fails")
  func deadline() async throws {
    let time = ManualTime()
    var budget = budget(time)
    await #expect(throws: ClientError.deadlineExceeded(last: Self.cause)) {
      while true { try await budget.pause(RetryReason(pause: .regionMiss, cause: Self.cause)) }
    }
    let total = time.takePauses().reduce(Duration.zero, +)
    #expect(total > .seconds(9))
    #expect(total < .seconds(10))
  }

  @Test("A server's minimum is respected")
  func minimumPause() async throws {
    let time = ManualTime()
    var budget = budget(time)
    try await budget.pause(
      RetryReason(pause: .serverBusy, minimum: .seconds(4), cause: Self.cause))
    #expect(time.takePauses() == [.seconds(4)])
  }

  @Test("After three retries at once there is a pause")
  func immediateRetriesAreLimited() async throws {
    let time = ManualTime()
    var budget = budget(time)
    for _ in 0..<4 { try await budget.pause(RetryReason(cause: Self.cause)) }
    #expect(time.takePauses() == [.milliseconds(2)])
  }

  @Test("A write that may have taken effect ends as undetermined")
  func undeterminedWrite() async throws {
    var budget = budget(ManualTime(), isWrite: true)
    try await budget.pause(
      RetryReason(pause: .transport, cause: Self.cause, isUndetermined: true))
    await #expect(throws: ClientError.undetermined(last: Self.cause)) {
      while true { try await budget.pause(RetryReason(pause: .transport, cause: Self.cause)) }
    }
    #expect(budget.final(.deadlineExceeded(last: Self.cause)) == .undetermined(last: Self.cause))
  }

  @Test("A read is never undetermined")
  func undeterminedRead() async throws {
    var budget = budget(ManualTime(), timeout: .milliseconds(1))
    await #expect(throws: ClientError.deadlineExceeded(last: Self.cause)) {
      try await budget.pause(
        RetryReason(pause: .transport, cause: Self.cause, isUndetermined: true))
    }
  }

  @Test("An undetermined write is not retried if retries are off")
  func undeterminedWriteWithoutRetries() async throws {
    var budget = budget(ManualTime(), isWrite: true, retries: false)
    try await budget.pause(RetryReason(pause: .noLeader, cause: Self.cause))
    await #expect(throws: ClientError.undetermined(last: Self.cause)) {
      try await budget.pause(
        RetryReason(pause: .transport, cause: Self.cause, isUndetermined: true))
    }
  }
}
