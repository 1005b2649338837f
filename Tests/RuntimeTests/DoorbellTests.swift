import Runtime
import Testing

struct DoorbellTests {
  private static let clock = SystemClock()

  @Test func ringsThatCameBeforeCountAsOne() {
    let bell = Doorbell()
    for _ in 0..<3 { bell.ring() }
    bell.wait()
    let start = Self.clock.now
    bell.wait(atMost: .milliseconds(20))
    #expect(Self.clock.now - start >= .milliseconds(20))
  }

  @Test(arguments: [.zero, .nanoseconds(-1), .seconds(Int64.min)] as [Duration])
  func aLimitThatHasPassedDoesNotWait(limit: Duration) {
    Doorbell().wait(atMost: limit)
  }

  @Test(arguments: [.milliseconds(1500), .seconds(86_401), .seconds(Int64.max)] as [Duration])
  func aRingEndsAnyWait(limit: Duration) {
    let bell = Doorbell()
    let start = Self.clock.now
    let ringer = JoinableThread(name: "ringer") {
      Doorbell().wait(atMost: .milliseconds(20))
      bell.ring()
    }
    bell.wait(atMost: limit)
    #expect(Self.clock.now - start >= .milliseconds(20))
    ringer.join()
  }
}
