import Testing

@testable import Server

/// Sizes and durations as people write them, exact or not at all.
@Suite struct QuantityTests {
  @Test(
    "Parses sizes",
    arguments: [
      ("0", 0), ("512", 512), ("1B", 1), ("1KB", 1024), ("1K", 1024), ("1KiB", 1024),
      ("8mb", 8 << 20),
      ("1.5GB", 3 << 29), ("2 TiB", 2 << 40), ("1024PB", 1 << 60), ("0.5KB", 512),
      ("9007199254740993", 9_007_199_254_740_993), ("18446744073709551615", .max),
    ] as [(String, UInt64)])
  func parsesSizes(_ text: String, _ bytes: UInt64) {
    #expect(Quantity.bytes(text) == bytes)
  }

  @Test(
    "Refuses malformed sizes",
    arguments: [
      "", " ", "B", "KB", "-1", "+1", "1e400", "1e9", "1.2.3", ".5", "5.", "1x", "1KBx", "1 KB ",
      "1iB",
      "٣MB", "３", "½", "inf", "nan", "0x10", "18446744073709551616", "16384PB", "1MB\n", "1_000",
      "99999999999999999999999999PB",
    ])
  func refusesMalformedSizes(text: String) {
    #expect(Quantity.bytes(text) == nil)
  }

  @Test(
    "Parses durations",
    arguments: [
      ("0s", .zero), ("500ms", .milliseconds(500)), ("1h30m", .seconds(5400)),
      ("2.5s", .milliseconds(2500)), ("1us", .microseconds(1)), ("0.001us", .nanoseconds(1)),
      ("1d2h3m4s5ms6us", .seconds(93_784) + .microseconds(5006)),
      ("106751d", .seconds(9_223_286_400)),
    ] as [(String, Duration)])
  func parsesDurations(_ text: String, _ duration: Duration) {
    #expect(Quantity.duration(text) == duration)
  }

  @Test(
    "Refuses malformed durations",
    arguments: [
      "", "s", "1", "-1s", "+1s", "1e9s", "1e400s", "1e9s1e9s", "1ns", "1S", "1s ", " 1s", "1 s",
      "1s1s",
      "1m1h", "1.2.3s", ".5s", "5.s", "٣s", "３s", "½s", "1y", "infs", "106752d", "106751d24h",
      "9223372036854775808us", "18446744073709551616s", "1000000000h",
    ])
  func refusesMalformedDurations(text: String) {
    #expect(Quantity.duration(text) == nil)
  }

  @Test("The text of a value is parsed back to it")
  func textRoundTrips() {
    for bytes in [0, 1, 1000, 1024, 3 << 29, UInt64.max] {
      #expect(Quantity.bytes(Quantity.text(bytes: bytes)) == bytes)
    }
    for duration in [Duration.zero, .microseconds(1), .milliseconds(1500), .seconds(7200)] {
      #expect(Quantity.duration(Quantity.text(duration)) == duration)
    }
  }
}
