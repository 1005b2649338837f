import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// Building, naming, reusing, cancelling and evicting.
struct SnapshotGenerationTests {
  @Test(arguments: SnapshotBackend.allCases)
  func filesAreNamedAndDescribed(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill()
    let snapshot = try fixture.manager.generate(fixture.request())
    #expect(snapshot.key == SnapshotFixture.key)
    #expect(
      try fixture.names == ["gen_7_5_42.meta", "gen_7_5_42_default.sst", "gen_7_5_42_write.sst"])

    let data = try RaftSnapshotData(decoding: snapshot.data)
    #expect(data.region == SnapshotFixture.region)
    #expect(data.version == 2)
    #expect(data.meta.files.map(\.cf) == ["default", "lock", "write"])
    #expect(data.meta.files[1] == SnapshotFile(cf: "lock"))
    for file in data.meta.files where file.size > 0 {
      let content = try fixture.content("gen_7_5_42_\(file.cf).sst")
      #expect(file.size == UInt64(content.count))
      #expect(file.checksum == CRC32.checksum(content))
    }
    #expect(data.fileSize == data.meta.totalSize)
    #expect(fixture.manager.statistics == SnapshotStatistics(totalSize: data.fileSize))
    let meta = try SnapshotMeta(decoding: fixture.content("gen_7_5_42.meta"))
    #expect(meta == data.meta)
  }

  @Test(arguments: SnapshotBackend.allCases)
  func holdsTheRegionAsItWas(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill(50)
    let request = fixture.request()
    let range = SnapshotFixture.region.range
    let before = try SnapshotFixture.data(fixture.engine, range)
    try fixture.fill(80)
    _ = try fixture.manager.generate(request)
    let cursor = try fixture.engine.openSST(fixture.directory + "/gen_7_5_42_default.sst")
    var pairs: [KeyValue] = []
    cursor.seekToFirst()
    while cursor.isValid {
      pairs.append(KeyValue(key: cursor.key, value: cursor.value))
      cursor.next()
    }
    try cursor.finish()
    #expect(pairs == before[0])
  }

  @Test(arguments: SnapshotBackend.allCases)
  func anEmptyRegionHasAMetaOnly(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    let snapshot = try fixture.manager.generate(fixture.request())
    #expect(try fixture.names == ["gen_7_5_42.meta"])
    #expect(try RaftSnapshotData(decoding: snapshot.data).fileSize == 0)
    let source = try fixture.manager.beginSending(snapshot.key)
    #expect(try source.read(upTo: 10) == [])
    source.finish(succeeded: true)
    #expect(try fixture.names == [])
  }

  @Test(arguments: SnapshotBackend.allCases)
  func aWholeKeySpaceHasNoUpperBound(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill(3)
    let all = Region(id: 7, peers: SnapshotFixture.region.peers)
    let snapshot = try fixture.manager.generate(fixture.request(region: all))
    let files = try RaftSnapshotData(decoding: snapshot.data).meta.files
    #expect(files.allSatisfy { $0.size > 0 })
  }

  @Test(arguments: SnapshotBackend.allCases)
  func aCompleteSnapshotIsReused(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill()
    let first = try fixture.manager.generate(fixture.request())
    try fixture.fill(400)
    let second = try fixture.manager.generate(fixture.request())
    #expect(first.data == second.data)
    // Also while it is being sent.
    let source = try fixture.manager.beginSending(first.key)
    #expect(try fixture.manager.generate(fixture.request()).data == first.data)
    source.finish(succeeded: false)
  }

  @Test func aBrokenSnapshotIsBuiltAnew() throws {
    let fixture = try SnapshotFixture(.memory)
    try fixture.fill()
    let first = try fixture.manager.generate(fixture.request())
    let name = "gen_7_5_42_default.sst"
    let whole = try fixture.content(name)
    try fixture.put(name, Array(whole.dropLast()))
    let second = try fixture.manager.generate(fixture.request())
    #expect(
      try RaftSnapshotData(decoding: first.data).meta.files
        == RaftSnapshotData(decoding: second.data).meta.files)
    #expect(try fixture.content(name) == whole)
  }

  @Test(arguments: SnapshotBackend.allCases)
  func cancellingLeavesNothing(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill(3000)
    var asked = 0
    #expect(throws: SnapshotError.stale("its generation was cancelled")) {
      try fixture.manager.generate(fixture.request()) {
        asked += 1
        return asked == 3
      }
    }
    #expect(asked == 3)
    #expect(try fixture.names == [])
    #expect(fixture.manager.statistics == SnapshotStatistics())
  }

  @Test func oldestIdleOnesMakeRoom() throws {
    var limits = SnapshotLimits()
    let measure = try SnapshotFixture(.memory)
    try measure.fill()
    _ = try measure.manager.generate(measure.request())
    let size = measure.manager.statistics.totalSize
    limits.maxTotalSize = 2 * size - 1

    let fixture = try SnapshotFixture(.memory, limits: limits)
    try fixture.fill()
    for index in [UInt64(43), 42, 44] {
      _ = try fixture.manager.generate(fixture.request(index: index))
      fixture.clock.advance(.seconds(1))
    }
    // Two were one byte too many: the older of them went before the third was built.
    #expect(try fixture.manager.idle().map(\.key.index) == [42, 44])

    // Those in use stay, and when nothing can go the response is no.
    let sources = try [42, 44].map { (index: UInt64) in
      try fixture.manager.beginSending(SnapshotKey(regionID: 7, term: 5, index: index))
    }
    #expect(throws: SnapshotError.busy("snapshots take \(2 * size) bytes already")) {
      try fixture.manager.generate(fixture.request(index: 45))
    }
    #expect(try fixture.manager.idle() == [])
    for source in sources { source.finish(succeeded: true) }
    #expect(fixture.manager.statistics == SnapshotStatistics())
    _ = try fixture.manager.generate(fixture.request(index: 45))
  }
}
