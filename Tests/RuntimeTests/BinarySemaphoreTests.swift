import Runtime
import Testing

struct BinarySemaphoreTests {
  private static let clock = SystemClock()

  @Test func signalsBeforeAWaitCountAsOne() {
    let semaphore = BinarySemaphore()
    for _ in 0..<3 { semaphore.signal() }
    semaphore.wait()
    let start = Self.clock.now
    semaphore.wait(atMost: .milliseconds(20))
    #expect(Self.clock.now - start >= .milliseconds(20))
  }

  @Test(arguments: [.zero, .nanoseconds(-1), .seconds(Int64.min)] as [Duration])
  func anElapsedLimitDoesNotWait(limit: Duration) {
    BinarySemaphore().wait(atMost: limit)
  }

  @Test(arguments: [.milliseconds(1500), .seconds(86_401), .seconds(Int64.max)] as [Duration])
  func aSignalEndsAnyWait(limit: Duration) {
    let semaphore = BinarySemaphore()
    let start = Self.clock.now
    let ringer = JoinableThread(name: "ringer") {
      BinarySemaphore().wait(atMost: .milliseconds(20))
      semaphore.signal()
    }
    semaphore.wait(atMost: limit)
    #expect(Self.clock.now - start >= .milliseconds(20))
    ringer.join()
  }
}
