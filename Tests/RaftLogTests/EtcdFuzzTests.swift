import Protobuf
import Raft
import Runtime
import Testing

@testable import RaftLog

/// Files whose checksums are right and whose contents nobody has checked: reading returns or throws, and never traps.
/// `APUS_LONG_TESTS` makes many more of them.
struct EtcdFuzzTests {
  private static var rounds: Int { LongTests.areOn ? 200_000 : 300 }

  private static func number(_ random: inout SplitMix64) -> UInt64 {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: .max
    case 1: .max - 1
    case 2: 1 << 63
    case 3: 0
    default: UInt64.random(in: 0...9, using: &random)
    }
  }

  private static func item(_ random: inout SplitMix64) -> EtcdExtension.Item {
    var item = EtcdExtension.Item()
    item.kind = EtcdExtension.Item.Kind(rawValue: UInt8.random(in: 1...5, using: &random)) ?? .put
    item.key = [UInt8.random(in: 0...3, using: &random)]
    item.flag = Bool.random(using: &random)
    (item.index, item.term, item.last) = (number(&random), number(&random), number(&random))
    return item
  }

  /// - Parameter save: the number of the last save.
  private static func append(
    to frames: inout EtcdFrames, _ save: inout UInt64, _ random: inout SplitMix64
  ) {
    let state = HardState(
      term: number(&random), vote: number(&random), commit: number(&random))
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<4:
      frames.append(Entry(term: number(&random), index: number(&random), data: [1]))
    case 4..<7:
      var part = EtcdExtension()
      (part.save, part.durable) = (number(&random), number(&random))
      if Int.random(in: 0..<5, using: &random) > 0 {
        save += 1
        (part.save, part.durable) = (save, save - 1)
      }
      for _ in 0..<Int.random(in: 0...2, using: &random) { part.items.append(item(&random)) }
      frames.append(state, extra: part.encoded())
    case 7:
      frames.append(EtcdSnapshotRecord(index: number(&random), term: number(&random)))
    case 8: frames.append(state)
    default:
      let data = (0..<Int.random(in: 0...9, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      frames.append(UInt64.random(in: 0...6, using: &random), data)
    }
  }

  private static func segment(_ random: inout SplitMix64) -> [UInt8] {
    var frames = EtcdFrames(continuing: 0)
    frames.append(EtcdRecord.crc, nil)
    frames.append(EtcdRecord.metadata, [1])
    frames.append(EtcdSnapshotRecord())
    var save: UInt64 = 0
    for _ in 0..<Int.random(in: 0...9, using: &random) { append(to: &frames, &save, &random) }
    return frames.bytes
  }

  @Test func anyRecordsAreALogOrAnError() throws {
    var random = SplitMix64(seed: 11)
    let name = "0000000000000000-0000000000000000.wal"
    var (whole, refused) = (0, 0)
    for _ in 0..<Self.rounds {
      let files = FaultyFiles()
      files.place([], at: "/log/LOCK")
      files.place(Self.segment(&random), at: "/log/0000000000000001/wal/\(name)")
      var options = EtcdLogStoreOptions()
      options.segmentBytes = 4 << 10
      let store = try EtcdLogStore(path: "/log", files: files, options: options)
      if store.damage(of: 1) == nil { whole += 1 } else { refused += 1 }
      try store.close()
      let node = "/log/0000000000000001"
      do throws(EtcdWALError) {
        _ = try EtcdWAL.read(node + "/wal", files)
        _ = try EtcdNode.restartAsStandalone(
          node, files, id: 1, options: EtcdWALTests.options)
      } catch {
        #expect(!"\(error)".isEmpty)
      }
    }
    #expect(whole > Self.rounds / 20 && refused > Self.rounds / 20)
  }

  @Test func anyBytesAreASegmentOrAnError() throws {
    var random = SplitMix64(seed: 12)
    let path = "/wal/0000000000000000-0000000000000000.wal"
    for _ in 0..<Self.rounds {
      let files = FaultyFiles()
      var bytes = Self.segment(&random)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.removeSubrange(place...)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      files.place(bytes, at: path)
      do throws(EtcdWALError) {
        _ = try EtcdWAL.read("/wal", files)
        _ = try EtcdWAL.repair("/wal", files)
      } catch {
        #expect(!"\(error)".isEmpty)
      }
    }
  }

  @Test func anyBytesAreASnapshotOrAnError() throws {
    var random = SplitMix64(seed: 13)
    let name = "0000000000000001-0000000000000005.snap"
    let snapshot = Snapshot(
      data: [1, 2, 3],
      metadata: SnapshotMetadata(confState: ConfState(voters: [1, 2]), index: 5, term: 1))
    let whole = Snapshotter.encode(snapshot)
    for _ in 0..<Self.rounds {
      let files = FaultyFiles()
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      files.place(bytes, at: "/snap/" + name)
      do throws(EtcdWALError) {
        _ = try Snapshotter("/snap", files).read(name)
      } catch {
        #expect("\(error)".contains(name))
      }
    }
  }

  /// Keys and values of the table log.
  @Test func anyBytesAreRowsOrADefect() {
    var random = SplitMix64(seed: 14)
    for _ in 0..<Self.rounds {
      let length =
        [11, 18, 19, 26, Int.random(in: 0...30, using: &random)]
        .randomElement(using: &random) ?? 0
      let key = (0..<length).map { _ in UInt8.random(in: 0...2, using: &random) }
      let value = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      if case .success(let (id, sequence)) = TableKeys.parse(key) {
        #expect(TableKeys.row(id, sequence) == key)
      }
      if case .success(let (id, last, flushed)) = TableKeys.parseMetadata(key, value) {
        #expect(TableKeys.metadata(id) == key)
        #expect(TableKeys.value(last: last, flushed: flushed) == value)
      }
      _ = TableKeys.parseForeignMetadata(key, value)
      _ = TableKeys.row(of: value)
    }
  }
}
