import Engine
import Testing

@testable import Raftstore

struct SnapshotNameTests {
  let set = SnapshotFileSet(
    key: SnapshotKey(regionID: 1, term: 20, index: .max), origin: .received)

  @Test func everyNameLeadsBack() {
    #expect(SnapshotName.meta(set) == "rev_1_20_18446744073709551615.meta")
    #expect(SnapshotName.data(set, .lock) == "rev_1_20_18446744073709551615_lock.sst")
    #expect(SnapshotName.data(set, .lock, 7) == "rev_1_20_18446744073709551615_lock_0007.sst")
    var names = [SnapshotName.meta(set)]
    for family in ColumnFamily.data {
      names += [0, 1, 9999, 10_000].map { SnapshotName.data(set, family, $0) }
    }
    for name in names + names.map({ $0 + ".tmp" }) { #expect(SnapshotName.parse(name) == set) }
  }

  @Test(arguments: [
    "", "gen", "gen_1_2_3", "gen_1_2_3.sst", "gen_1_2_3_raft.sst", "gen_1_2_3_default",
    "gen_1_2_3_default.sst.clone", "gen_1_2_x.meta", "gen_01_2_3.meta", "gen_+1_2_3.meta",
    "gen_1_2.meta", "gen__2_3.meta", "tmp_1_2_3.meta", "gen_1_2_3_4_default.sst",
    "gen_1_2_18446744073709551616.meta", "del_range_1.sst.tmp",
    "gen_1_2_3_default_0000.sst", "gen_1_2_3_default_1.sst", "gen_1_2_3_default_00001.sst",
    "gen_1_2_3_raft_0001.sst", "gen_1_2_3_default_0001_0001.sst", "gen_1_2_3_default_0001",
    "gen_1_2_3_default_-001.sst", "gen_1_2_3_default_+001.sst", "gen_1_2_3_default_.sst",
  ])
  func othersDoNot(_ name: String) {
    #expect(SnapshotName.parse(name) == nil)
  }

  @Test func receivedOnesComeFirst() {
    let key = SnapshotKey(regionID: 1, term: 1, index: 1)
    let next = SnapshotKey(regionID: 1, term: 1, index: 2)
    let sets = [
      SnapshotFileSet(key: next, origin: .received), SnapshotFileSet(key: key, origin: .generated),
      SnapshotFileSet(key: key, origin: .received),
    ]
    #expect(sets.sorted() == [sets[2], sets[1], sets[0]])
  }
}
