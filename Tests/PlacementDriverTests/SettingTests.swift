import Codec
import Testing

@testable import PlacementDriver

struct SettingTests {
  private func fixture() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    return fixture
  }

  private func value(_ fixture: PDFixture, _ name: String) -> PDSetting.Value? {
    fixture.core.settings.first { $0.setting.name == name }?.value
  }

  @Test func settingsOutlastARestart() throws {
    let fixture = try fixture()
    try fixture.core.set([
      ("leader-schedule-limit", "7"), ("schedule.max-store-down-time", "1h30m"),
      ("enable-make-up-replica", "false"), ("location-labels", "zone,host"),
      ("isolation-level", "zone"), ("low-space-ratio", "0.5"), ("max-replicas", "5"),
    ])
    try fixture.restart(lossy: true)
    #expect(value(fixture, "leader-schedule-limit") == .integer(7))
    #expect(value(fixture, "max-store-down-time") == .duration(.seconds(5400)))
    #expect(value(fixture, "enable-make-up-replica") == .flag(false))
    #expect(value(fixture, "location-labels") == .text("zone,host"))
    #expect(value(fixture, "isolation-level") == .text("zone"))
    #expect(value(fixture, "low-space-ratio") == .number(0.5))
    #expect(value(fixture, "max-replicas") == .integer(5))
    #expect(value(fixture, "region-schedule-limit") == .integer(2048))
  }

  @Test(arguments: [
    ("leader-schedule-limit", "-1"), ("leader-schedule-limit", "x"), ("max-replicas", "0"),
    ("max-replicas", "101"), ("low-space-ratio", "nan"), ("low-space-ratio", "1.1"),
    ("max-store-down-time", "0s"), ("max-store-down-time", "1y"), ("max-store-down-time", ""),
    ("enable-make-up-replica", "maybe"), ("location-labels", "a,a"), ("location-labels", "a b"),
    ("isolation-level", "zone"), ("no-such-setting", "1"), ("store-limit", "inf"),
  ])
  func whatMakesNoSenseChangesNothing(name: String, value: String) throws {
    let fixture = try fixture()
    let before = fixture.core.settings.map(\.value)
    #expect(throws: PDError.self) {
      try fixture.core.set([("leader-schedule-limit", "9"), (name, value)])
    }
    #expect(fixture.core.settings.map(\.value) == before)
    try fixture.restart(lossy: true)
    #expect(fixture.core.settings.map(\.value) == before)
  }

  @Test func damagedSettingsAreFound() throws {
    let fixture = try fixture()
    try fixture.core.set([("leader-schedule-limit", "9")])
    try fixture.core.storage.put(PDKeys.setting("leader-schedule-limit"), Array("x".utf8))
    #expect(throws: PDError.self) { try fixture.restart() }
  }

  @Test func whatIsSetOnStoresOutlastsARestart() throws {
    let fixture = try fixture()
    try fixture.core.setLabels(4, [.init(key: "zone", value: "a"), .init(key: "host", value: "h")])
    try fixture.core.setLabels(4, [.init(key: "zone", value: "b")])
    try fixture.core.setWeights(4, leader: 0, region: 2.5)
    try fixture.core.setLimit(4, rate: 3, direction: "add-peer")
    // The store registers again and knows nothing of it.
    try fixture.put(4)
    try fixture.restart(lossy: true)
    #expect(
      Set(try fixture.info(4).labels) == [
        .init(key: "zone", value: "b"), .init(key: "host", value: "h"),
      ])
    let summary = fixture.core.storeSummaries(fixture.reading)[1]
    #expect(summary.leaderWeight == 0 && summary.regionWeight == 2.5)
    #expect(summary.addLimit == 3 && summary.removeLimit == 15)
    try fixture.core.removeLabel(4, "zone")
    #expect(try fixture.info(4).labels == [.init(key: "host", value: "h")])
    try fixture.core.setLabels(4, [.init(key: "rack", value: "r")], isWhole: true)
    #expect(try fixture.info(4).labels == [.init(key: "rack", value: "r")])
  }

  @Test func whatMakesNoSenseIsNotSetOnStores() throws {
    let fixture = try fixture()
    let core = fixture.core
    #expect(throws: PDError.self) { try core.setLabels(99, []) }
    #expect(throws: PDError.self) { try core.setLabels(4, [.init(key: "", value: "a")]) }
    #expect(throws: PDError.self) { try core.setLabels(4, [.init(key: "a b", value: "a")]) }
    #expect(throws: PDError.self) { try core.removeLabel(4, "zone") }
    #expect(throws: PDError.self) { try core.setWeights(4, leader: -1, region: 1) }
    #expect(throws: PDError.self) { try core.setWeights(4, leader: 1, region: .nan) }
    #expect(throws: PDError.self) { try core.setLimit(4, rate: 0, direction: nil) }
    #expect(throws: PDError.self) { try core.setLimit(4, rate: .infinity, direction: nil) }
    #expect(throws: PDError.self) { try core.setLimit(4, rate: 1, direction: "all") }
    #expect(throws: PDError.self) { try core.setLimit(99, rate: 1, direction: nil) }
  }

  @Test func tombstonesAreRemovedOnceEmpty() throws {
    let fixture = try fixture()
    try fixture.beat(region(100, "", "", version: 2, conf: 5, stores: [1, 4, 5]), leader: 1)
    try fixture.core.removeStore(6, isDestroyed: false, fixture.reading)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(6).state == .tombstone)
    // A tombstone of which a region still has a peer stays.
    try fixture.core.removeStore(5, isDestroyed: true, fixture.reading)
    try fixture.core.writeTombstone(5, fixture.reading)
    #expect(try fixture.core.removeTombstones() == 1)
    #expect(try fixture.core.allStores().map(\.id) == [1, 4, 5])
    #expect(try fixture.core.removeTombstones() == 0)
    try fixture.restart(lossy: true)
    #expect(try fixture.core.allStores().map(\.id) == [1, 4, 5])
    #expect(try fixture.beat(6)?.refusal == .storeTombstone)
    // Its id is not used again, whoever comes with what is left of its directory.
    #expect(try fixture.put(6)?.refusal == .storeTombstone)
    #expect(try fixture.core.allStores().map(\.id) == [1, 4, 5])
  }

  @Test(
    arguments: [
      ("30m", 1800), ("1h2m3.5s", 3723.5), ("500ms", 0.5), ("0.5h", 1800),
    ] as [(String, Double)])
  func timesAreReadAsGoWritesThem(text: String, seconds: Double) {
    #expect(PDSetting.parseDuration(text) == .milliseconds(Int64(seconds * 1000)))
  }

  @Test(arguments: ["", "1", "h", "1x", "1m2", "-1s", "999999999h", "1..2s"])
  func otherTextsAreNoTimes(text: String) {
    #expect(PDSetting.parseDuration(text) == nil)
  }
}
