import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// Sending: what travels, who may at once, and what goes afterwards.
struct SnapshotSendTests {
  @Test(arguments: SnapshotBackend.allCases)
  func theFilesTravelOneBehindTheOther(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill()
    let snapshot = try fixture.manager.generate(fixture.request())
    let expected = try ["default", "write"].flatMap {
      try fixture.content("gen_7_5_42_\($0).sst")
    }
    let source = try fixture.manager.beginSending(snapshot.key)
    #expect(source.totalSize == UInt64(expected.count))
    #expect(fixture.manager.statistics.sending == 1)
    var bytes: [UInt8] = []
    while true {
      let piece = try source.read(upTo: 700)
      #expect(piece.count <= 700)
      if piece.isEmpty { break }
      bytes += piece
    }
    #expect(bytes == expected)
    source.finish(succeeded: true)
    #expect(try fixture.names == [])
    #expect(fixture.manager.statistics == SnapshotStatistics())
  }

  @Test(arguments: SnapshotBackend.allCases)
  func twoStreamsOfOneSnapshotAreCounted(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill()
    let key = try fixture.manager.generate(fixture.request()).key
    let first = try fixture.manager.beginSending(key)
    let second = try fixture.manager.beginSending(key)
    #expect(fixture.manager.statistics.sending == 2)
    first.finish(succeeded: true)
    // The second still needs the files.
    #expect(try fixture.names.count == 3)
    #expect(throws: SnapshotError.busy("snapshot 7_5_42 is in use")) {
      try fixture.manager.delete(key, .generated)
    }
    while try !second.read(upTo: 1 << 20).isEmpty {}
    second.finish(succeeded: true)
    #expect(try fixture.names == [])
  }

  /// Found by simulation: a removal that failed left the bytes counted permanently, and each took capacity from
  /// snapshots to come.
  @Test func aRemovalThatFailsLeavesNothingInTheBooks() throws {
    for step in 0..<40 {
      let fixture = try SnapshotFixture(.memory)
      try fixture.fill()
      let source = try fixture.manager.beginSending(
        fixture.manager.generate(fixture.request()).key)
      fixture.failOperations(after: step)
      source.finish(succeeded: true)
      let isThrough = !fixture.hasFailed
      fixture.failOperations(after: nil)
      for snapshot in try fixture.manager.idle() {
        try fixture.manager.delete(snapshot.key, snapshot.origin)
      }
      #expect(try fixture.names == [], "step \(step)")
      #expect(fixture.manager.statistics == SnapshotStatistics(), "step \(step)")
      if isThrough { break }
    }
  }

  @Test func aFailedStreamKeepsTheFiles() throws {
    let fixture = try SnapshotFixture(.memory)
    try fixture.fill()
    let key = try fixture.manager.generate(fixture.request()).key
    try fixture.manager.beginSending(key).finish(succeeded: false)
    _ = try fixture.manager.beginSending(key)  // dropped at once: a failure too
    #expect(fixture.manager.statistics.sending == 0)
    #expect(try fixture.names.count == 3)
    #expect(
      try fixture.manager.idle() == [
        IdleSnapshot(
          key: key, origin: .generated, modified: fixture.clock.wallMilliseconds)
      ])
  }

  @Test func aMissingSnapshotIsToldSo() throws {
    let fixture = try SnapshotFixture(.memory)
    #expect(throws: SnapshotError.notFound(SnapshotFixture.key)) {
      try fixture.manager.beginSending(SnapshotFixture.key)
    }
    #expect(fixture.manager.statistics == SnapshotStatistics())
  }

  @Test(arguments: SnapshotBackend.allCases)
  func aFlippedByteStopsTheStreamAndTheFilesGo(_ backend: SnapshotBackend) throws {
    let fixture = try SnapshotFixture(backend)
    try fixture.fill()
    let key = try fixture.manager.generate(fixture.request()).key
    try fixture.corrupt("gen_7_5_42_default.sst")
    let source = try fixture.manager.beginSending(key)
    #expect {
      while try !source.read(upTo: 100).isEmpty {}
    } throws: { error in
      guard case SnapshotError.corrupted(let path, "checksum mismatch") = error else {
        return false
      }
      return path.hasSuffix("gen_7_5_42_default.sst")
    }
    source.finish(succeeded: false)
    #expect(try fixture.names == [])
  }

  @Test func streamsAreLimited() throws {
    var limits = SnapshotLimits()
    limits.maxSending = 2
    let fixture = try SnapshotFixture(.memory, limits: limits)
    try fixture.fill()
    let key = try fixture.manager.generate(fixture.request()).key
    let sources = try (0..<2).map { _ in try fixture.manager.beginSending(key) }
    #expect(throws: SnapshotError.busy("2 snapshots are being sent")) {
      try fixture.manager.beginSending(key)
    }
    for source in sources { source.finish(succeeded: false) }
    try fixture.manager.beginSending(key).finish(succeeded: true)
    #expect(try fixture.names == [])
  }
}
