import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// Receiving: verified before it counts, from anyone and under any interruption.
struct SnapshotReceiveTests {
  @Test(arguments: SnapshotBackend.allCases)
  func whatArrivesIsWhatWasSent(_ backend: SnapshotBackend) throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(backend)
    for chunk in [1 << 20, 777, 1] {
      let envelope = try receiver.receive(try sender.chunks(snapshot, size: chunk))
      #expect(envelope == SnapshotFixture.envelope(snapshot))
      #expect(
        try receiver.names == [
          "rev_7_5_42.meta", "rev_7_5_42_default.sst", "rev_7_5_42_write.sst",
        ])
      for family in ["default", "write"] {
        #expect(
          try receiver.content("rev_7_5_42_\(family).sst")
            == sender.content("gen_7_5_42_\(family).sst"))
      }
      try receiver.manager.delete(snapshot.key, .received)
      #expect(receiver.manager.statistics == SnapshotStatistics())
    }
  }

  @Test func aSecondCopyIsNotNeeded() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let chunks = try sender.chunks(snapshot)
    try receiver.receive(chunks)
    var reader = SnapshotStreamReader(storeID: 2, snapshots: receiver.manager)
    try reader.receive(chunks[0])
    #expect(reader.isSatisfied)
    // The sender may go on all the same.
    for chunk in chunks.dropFirst() { try reader.receive(chunk) }
    #expect(try reader.finish() == SnapshotFixture.envelope(snapshot))
    #expect(receiver.manager.statistics.receiving == 0)

    // While it is being applied, too.
    _ = try receiver.manager.beginApplying(snapshot.key)
    #expect(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data) == nil)
    receiver.manager.finishApplying(snapshot.key, for: 72, delete: true)
    #expect(try receiver.names == [])
  }

  /// Found by simulation: files that could not be removed after their snapshot was applied were
  /// kept for minutes, as if its message were still on the way.
  @Test func whatCannotBeRemovedOnceAppliedIsIdle() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    #expect(try receiver.manager.idle().isEmpty)
    _ = try receiver.manager.beginApplying(snapshot.key)
    receiver.failOperations(after: 0)
    receiver.manager.finishApplying(snapshot.key, for: 72, delete: true)
    receiver.failOperations(after: nil)
    #expect(try receiver.manager.idle().map(\.key) == [snapshot.key])
  }

  @Test func oneReceiverAtATime() throws {
    let (_, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let sink = try #require(
      try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data))
    #expect(receiver.manager.statistics.receiving == 1)
    #expect(throws: SnapshotError.inProgress(snapshot.key)) {
      try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data)
    }
    #expect(throws: SnapshotError.inProgress(snapshot.key)) {
      try receiver.manager.beginApplying(snapshot.key)
    }
    sink.abandon()
    sink.abandon()
    #expect(receiver.manager.statistics == SnapshotStatistics())
    #expect(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data) != nil)
  }

  @Test(arguments: SnapshotBackend.allCases)
  func aBrokenStreamLeavesNothingAndTheNextSucceeds(_ backend: SnapshotBackend) throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(backend)
    let chunks = try sender.chunks(snapshot, size: 500)
    var reader = SnapshotStreamReader(storeID: 2, snapshots: receiver.manager)
    for chunk in chunks.prefix(chunks.count / 2) { try reader.receive(chunk) }
    #expect(try receiver.names == ["rev_7_5_42_default.sst.tmp"])
    reader.abandon()
    #expect(try receiver.names == [])
    try receiver.receive(chunks)
    #expect(try receiver.names.count == 3)
  }

  @Test(arguments: [false, true])
  func aKilledReceiverStartsOver(_ power: Bool) throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let chunks = try sender.chunks(snapshot, size: 500)
    var reader = SnapshotStreamReader(storeID: 2, snapshots: receiver.manager)
    for chunk in chunks.prefix(chunks.count / 2) { try reader.receive(chunk) }
    receiver.failOperations(after: 0)  // it dies without tidying up
    reader.abandon()
    try receiver.restart(losingPower: power)
    #expect(try receiver.names == [])
    try receiver.receive(chunks)
    #expect(try receiver.manager.beginApplying(snapshot.key).count == 2)
  }

  @Test(arguments: SnapshotBackend.allCases)
  func everyFlippedByteIsNoticed(_ backend: SnapshotBackend) throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(backend)
    let chunks = try sender.chunks(snapshot, size: 400)
    for broken in chunks.indices.dropFirst() {
      var chunks = chunks
      chunks[broken].data[chunks[broken].data.count / 2] ^= 1
      #expect {
        try receiver.receive(chunks)
      } throws: { error in
        if case SnapshotError.corrupted(_, "checksum mismatch") = error { true } else { false }
      }
      #expect(try receiver.names == [])
    }
    #expect(receiver.manager.statistics == SnapshotStatistics())
  }

  @Test func tooFewAndTooManyBytesAreErrors() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let chunks = try sender.chunks(snapshot, size: 500)
    #expect {
      try receiver.receive(chunks.dropLast())
    } throws: { error in
      guard case SnapshotError.corrupted(let path, let reason) = error else { return false }
      return path.hasSuffix("rev_7_5_42_write.sst") && reason.hasSuffix("bytes arrived")
    }
    #expect {
      try receiver.receive(chunks + [SnapshotChunk(data: [0])])
    } throws: { error in
      guard case SnapshotError.corrupted(_, let reason) = error else { return false }
      return reason.hasPrefix("more than the announced")
    }
    #expect(try receiver.names == [])
  }

  @Test func announcementsMustMakeSense() throws {
    let (_, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    func refuses(_ change: (inout RaftSnapshotData) -> Void) throws -> Bool {
      var data = try RaftSnapshotData(decoding: snapshot.data)
      change(&data)
      do {
        _ = try receiver.manager.beginReceiving(snapshot.key, data: data.encoded())
        return false
      } catch SnapshotError.corrupted {
        return true
      }
    }
    #expect(try refuses { $0.version = 1 })
    #expect(try refuses { $0.region.id = 8 })
    #expect(try refuses { $0.fileSize += 1 })
    #expect(try refuses { $0.meta.files.swapAt(0, 1) })
    #expect(try refuses { $0.meta.files.removeLast() })
    #expect(try refuses { $0.meta.files[1].checksum = 1 })
    #expect(
      try refuses { data in
        data.meta.files[0].size = .max
        data.fileSize = data.meta.totalSize
      })
    #expect(throws: SnapshotError.self) {
      try receiver.manager.beginReceiving(snapshot.key, data: [0xff])
    }
    #expect(receiver.manager.statistics == SnapshotStatistics())
  }

  /// What an announcement promises is added up with what is there: no size may spoil the sum.
  @Test func sizesThatNoDiskHoldsAreRefused() throws {
    let (_, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let sizes: [UInt64] = [.max, 1 << 63, 1 << 62, (1 << 50) + 1]
    for size in sizes {
      var data = try RaftSnapshotData(decoding: snapshot.data)
      data.meta.files[0].size = size
      data.fileSize = data.meta.totalSize
      #expect(throws: SnapshotError.self) {
        try receiver.manager.beginReceiving(snapshot.key, data: data.encoded())
      }
    }
    #expect(receiver.manager.statistics == SnapshotStatistics())
    #expect(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data) != nil)
  }

  @Test func spaceAndStreamsAreLimited() throws {
    var limits = SnapshotLimits()
    limits.maxTotalSize = 100
    let (_, small, snapshot) = try SnapshotFixture.pair(.memory, limits: limits)
    #expect(throws: SnapshotError.busy("snapshots take 0 bytes already")) {
      try small.manager.beginReceiving(snapshot.key, data: snapshot.data)
    }
    limits = SnapshotLimits()
    limits.maxReceiving = 0
    let (_, closed, _) = try SnapshotFixture.pair(.memory, limits: limits)
    #expect(throws: SnapshotError.busy("0 snapshots are being received")) {
      try closed.manager.beginReceiving(snapshot.key, data: snapshot.data)
    }
  }

  /// A peer has taken the snapshot's message; the removal of an earlier, refused copy is still queued, and
  /// the leader sends it again.
  @Test func aSnapshotThatAPeerHasTakenStays() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 72))
    #expect(throws: SnapshotError.self) { try receiver.manager.delete(snapshot.key, .received) }
    #expect(try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data) == nil)
    receiver.clock.advance(.seconds(3600))
    #expect(try receiver.manager.idle() == [])
    #expect(try !receiver.manager.beginApplying(snapshot.key).isEmpty)
    receiver.manager.finishApplying(snapshot.key, for: 72, delete: true)
    #expect(try receiver.names == [])
    #expect(receiver.manager.statistics == SnapshotStatistics())
  }

  @Test func aSnapshotThatAPeerHasGivenUpGoes() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 72))
    receiver.manager.unpin(snapshot.key, for: 72)
    try receiver.manager.delete(snapshot.key, .received)
    #expect(try receiver.names == [])
  }

  private var range: KeyRange { SnapshotFixture.region.range }

  /// Found by attack: bytes that are no sorted file, with the right checksum. Ingesting them fails, and by
  /// then the peer has given up what it had.
  @Test(arguments: SnapshotBackend.allCases, [true, false])
  func filesThatCannotBeReadAreRefused(_ backend: SnapshotBackend, isWhole: Bool) throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(backend)
    var bytes = try sender.content("gen_7_5_42_default.sst")
    if isWhole {
      // One value within a block: what the file says of itself is right.
      let value = try #require(bytes.firstRange(of: Array("value".utf8)))
      bytes[value.lowerBound] ^= 0x20
    } else {
      bytes = [UInt8](repeating: 0x78, count: 1000)
    }
    var data = try RaftSnapshotData(decoding: snapshot.data)
    var crc = CRC32()
    crc.update(bytes)
    data.meta.files[0].size = UInt64(bytes.count)
    data.meta.files[0].checksum = crc.value
    data.fileSize = data.meta.totalSize
    let forged = GeneratedSnapshot(key: snapshot.key, data: data.encoded())
    let write = try sender.content("gen_7_5_42_write.sst")
    for _ in 0..<2 {
      let sink = try #require(try receiver.manager.beginReceiving(forged.key, data: forged.data))
      try sink.write(bytes)
      try sink.write(write)
      #expect {
        try sink.finish()
      } throws: { error in
        guard case SnapshotError.corrupted = error else { return false }
        return true
      }
      sink.abandon()
      #expect(try receiver.names == [])
      #expect(!receiver.manager.pinReceived(forged.key, range, for: 72))
      #expect(receiver.manager.statistics == SnapshotStatistics())
    }
    #expect(receiver.metrics.text().contains("apus_snapshot_corrupted_total 2"))
  }

  /// Such files would be put over the data of other regions.
  @Test(arguments: SnapshotBackend.allCases)
  func keysOutsideTheRegionAreRefused(_ backend: SnapshotBackend) throws {
    for (low, high) in [("a", "m"), ("b", "n"), ("", "")] {
      let sender = try SnapshotFixture(backend)
      try sender.fill()
      var wide = SnapshotFixture.region
      (wide.startKey, wide.endKey) = (Array(low.utf8), Array(high.utf8))
      var snapshot = try sender.manager.generate(sender.request(region: wide))
      let receiver = try SnapshotFixture(backend)
      // For its own region it is fine, and stays for a while.
      try receiver.receive(try sender.chunks(snapshot))
      #expect(receiver.manager.pinReceived(snapshot.key, wide.range, for: 72))
      receiver.manager.unpin(snapshot.key, for: 72)
      #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
      var data = try RaftSnapshotData(decoding: snapshot.data)
      data.region = SnapshotFixture.region
      snapshot.data = data.encoded()
      for _ in 0..<2 {
        #expect {
          try receiver.receive(try sender.chunks(snapshot))
        } throws: { error in
          guard case SnapshotError.corrupted(_, let reason) = error else { return false }
          return reason.contains("not in the region's range")
        }
        #expect(try receiver.names == [])
        #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
        #expect(receiver.manager.statistics == SnapshotStatistics())
      }
    }
  }

  /// A peer that relied on such files would lose what it has.
  @Test func onlyWhatIsHereCanBePinned() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
    let sink = try #require(
      try receiver.manager.beginReceiving(snapshot.key, data: snapshot.data))
    #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
    sink.abandon()
    #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
    try receiver.receive(try sender.chunks(snapshot))
    try receiver.manager.delete(snapshot.key, .received)
    #expect(!receiver.manager.pinReceived(snapshot.key, range, for: 72))
    try receiver.receive(try sender.chunks(snapshot))
    #expect(receiver.manager.pinReceived(snapshot.key, range, for: 72))
  }

  @Test func theStreamHasAnOrder() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    let chunks = try sender.chunks(snapshot)
    func refusal(_ chunks: [SnapshotChunk]) -> String {
      do {
        try receiver.receive(chunks)
        return ""
      } catch SnapshotError.stale(let reason) {
        return reason
      } catch {
        return "\(error)"
      }
    }
    #expect(chunks[0].data == [])
    #expect(chunks.dropFirst().allSatisfy { $0.message == nil && !$0.data.isEmpty })
    #expect(refusal([]) == "the snapshot stream ended before its message")
    #expect(refusal([chunks[1]]) == "the snapshot stream begins without a message")
    #expect(refusal([chunks[0], chunks[0]]) == "a second message in a snapshot stream")
    #expect(refusal([chunks[0], SnapshotChunk()]) == "an empty chunk in a snapshot stream")
    let other = SnapshotFixture.envelope(snapshot, toStore: 9)
    #expect(
      refusal([SnapshotChunk(message: other)]) == "the snapshot is for store 9, this is 2")
    var mixed = chunks[0]
    mixed.data = [1]
    #expect(refusal([mixed]) == "the snapshot stream's message comes with data")
    var plain = SnapshotFixture.envelope(snapshot)
    plain.message?.snapshot = nil
    #expect(
      refusal([SnapshotChunk(message: plain)])
        == "the snapshot stream's message announces no snapshot")
    #expect(try receiver.names == [])
    #expect(receiver.manager.statistics == SnapshotStatistics())
  }

  @Test func aReceivedSnapshotIsNotIdleUntilItsMessageCanHaveArrived() throws {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(.memory)
    try receiver.receive(try sender.chunks(snapshot))
    #expect(try receiver.manager.idle() == [])
    receiver.clock.advance(.seconds(301))
    #expect(try receiver.manager.idle().map(\.origin) == [.received])
  }
}
