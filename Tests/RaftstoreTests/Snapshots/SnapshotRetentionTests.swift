import Testing

@testable import Raftstore

/// The table of what a peer lets go. Its log begins behind index 100 of term 6.
struct SnapshotRetentionTests {
  static let now: UInt64 = 1_700_000_000_000

  struct Row: Sendable {
    var origin: SnapshotOrigin
    var term: UInt64
    var index: UInt64
    var ageSeconds: Int64
    var isApplying = false
    var goes: Bool
  }

  @Test(arguments: [
    Row(origin: .generated, term: 6, index: 100, ageSeconds: 60, goes: false),
    Row(origin: .generated, term: 7, index: 120, ageSeconds: 60, goes: false),
    Row(origin: .generated, term: 6, index: 99, ageSeconds: 60, goes: true),
    Row(origin: .generated, term: 5, index: 100, ageSeconds: 60, goes: true),
    Row(origin: .generated, term: 7, index: 120, ageSeconds: 4 * 3600, goes: false),
    Row(origin: .generated, term: 7, index: 120, ageSeconds: 4 * 3600 + 1, goes: true),
    Row(origin: .generated, term: 7, index: 120, ageSeconds: -60, goes: false),
    Row(origin: .received, term: 6, index: 100, ageSeconds: 60, goes: true),
    Row(origin: .received, term: 5, index: 90, ageSeconds: 60, goes: true),
    Row(origin: .received, term: 6, index: 101, ageSeconds: 60, goes: false),
    Row(origin: .received, term: 7, index: 100, ageSeconds: 60, goes: false),
    Row(origin: .received, term: 7, index: 120, ageSeconds: 5 * 3600, goes: true),
    Row(origin: .received, term: 6, index: 100, ageSeconds: 60, isApplying: true, goes: false),
    Row(
      origin: .received, term: 7, index: 120, ageSeconds: 5 * 3600, isApplying: true,
      goes: false),
  ])
  func row(_ row: Row) {
    let key = SnapshotKey(regionID: 1, term: row.term, index: row.index)
    let snapshot = IdleSnapshot(
      key: key, origin: row.origin,
      modified: UInt64(Int64(Self.now) - row.ageSeconds * 1000))
    #expect(
      disposable([snapshot], applying: row.isApplying ? key : nil) == (row.goes ? [snapshot] : []))
  }

  @Test func whatNeverGotItsMetaGoes() {
    let key = SnapshotKey(regionID: 1, term: 7, index: 120)
    let snapshots = [SnapshotOrigin.received, .generated].map {
      IdleSnapshot(key: key, origin: $0, modified: 0)
    }
    #expect(disposable(snapshots, applying: nil) == snapshots)
  }

  private func disposable(_ idle: [IdleSnapshot], applying: SnapshotKey?) -> [IdleSnapshot] {
    SnapshotRetention.disposable(
      idle, truncatedIndex: 100, truncatedTerm: 6, applying: applying, now: Self.now,
      timeout: .seconds(4 * 3600))
  }
}
