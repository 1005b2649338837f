import Engine
import Testing

@testable import Raftstore

struct SnapshotNameTests {
  let set = SnapshotFileSet(
    key: SnapshotKey(regionID: 1, term: 20, index: .max), origin: .received)

  @Test func everyNameLeadsBack() {
    let names = SnapshotName.all(set)
    #expect(names.first == "rev_1_20_18446744073709551615.meta")
    #expect(names.count == 8)
    for name in names { #expect(SnapshotName.parse(name) == set) }
  }

  @Test(arguments: [
    "", "gen", "gen_1_2_3", "gen_1_2_3.sst", "gen_1_2_3_raft.sst", "gen_1_2_3_default",
    "gen_1_2_3_default.sst.clone", "gen_1_2_x.meta", "gen_01_2_3.meta", "gen_+1_2_3.meta",
    "gen_1_2.meta", "gen__2_3.meta", "tmp_1_2_3.meta", "gen_1_2_3_4_default.sst",
    "gen_1_2_18446744073709551616.meta", "del_range_1.sst.tmp",
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
