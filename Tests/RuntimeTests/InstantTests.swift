import Runtime
import Testing

struct InstantTests {
  @Test func additionSaturates() {
    let now = Instant(nanoseconds: 1_000_000_000)
    let longest: [Duration] = [
      .nanoseconds(Int64.max), .seconds(Int64.max), .seconds(1 << 40) * (1 << 20),
    ]
    for duration in longest {
      let end = now + duration
      #expect(end.nanoseconds == UInt64(Int64.max))
      #expect(end - now > .seconds(1 << 30))
      #expect(end + duration == end)
    }
    #expect(now + .nanoseconds(Int64.min) == Instant(nanoseconds: 0))
    #expect(now + .seconds(-2) == Instant(nanoseconds: 0))
    #expect(now + .seconds(1) == Instant(nanoseconds: 2_000_000_000))
    let far = Instant(nanoseconds: .max)
    #expect(far + .seconds(1) >= now && now - far < .zero)
  }
}
