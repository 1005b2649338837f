import Codec
import Storage
import Testing
import Transaction

/// How far in the future the timestamps of requests may lie.
struct TimestampBoundTests {
  private func isAllowed(_ physical: UInt64, _ concurrency: ConcurrencyControl) -> Bool {
    let timestamp = Timestamp(physical: physical, logical: 0)
    do throws(TransactionError) {
      try concurrency.raiseMaxTS(toRequested: timestamp)
      return true
    } catch {
      #expect("\(error)".contains("InvalidMaxTsUpdate"))
      return false
    }
  }

  @Test func theBoundIsAMinuteAhead() throws {
    let (host, oracle, concurrency) = (ManualHost(), ManualOracle(), ConcurrencyControl())
    let timer = TimestampBound.maintain(concurrency, { oracle.ask($0) }, host)
    timer.cancel()
    #expect(isAllowed(5, concurrency), "nothing is known yet")
    #expect(oracle.pending == 1)
    oracle.respond(Timestamp(physical: 1_000_000, logical: 3).value)
    #expect(isAllowed(1_060_000, concurrency))
    #expect(!isAllowed(1_060_001, concurrency))
  }
}
