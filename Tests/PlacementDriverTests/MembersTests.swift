import PlacementDriver
import Testing

struct MembersTests {
  @Test func clusterAndMemberIDsSurvive() throws {
    let fixture = try PDFixture()
    let member = fixture.core.memberID
    #expect(member != 0)
    try fixture.restart(lossy: true)
    #expect(fixture.core.clusterID == PDFixture.clusterID)
    #expect(fixture.core.memberID == member)
  }

  @Test func anotherClustersRequestIsRefused() throws {
    let fixture = try PDFixture()
    let error = #expect(throws: PDError.self) { try fixture.core.requireCluster(id: 5) }
    #expect(error?.code == .failedPrecondition && error?.refusal == nil)
    #expect(error?.message == "mismatch cluster id, need \(PDFixture.clusterID) but got 5")
    try fixture.core.requireCluster(id: PDFixture.clusterID)
  }
}
