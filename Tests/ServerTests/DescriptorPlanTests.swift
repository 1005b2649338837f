import Testing

@testable import Server

struct DescriptorPlanTests {
  @Test(
    "The parts together are within the limit",
    arguments: [180, 200, 256, 512, 1024, 4096, 65_536, 1 << 20])
  func sumIsWithinTheLimit(_ limit: Int) throws {
    let plan = try DescriptorPlan(limit: limit, tables: [4096, 512], eventLoops: 1)
    let sum = plan.reserve + plan.tables.reduce(0, +) + plan.connections + plan.statusConnections
    #expect(sum <= limit)
    #expect(plan.tables.allSatisfy { $0 >= 20 })
    #expect(plan.connections >= 16)
    #expect(plan.statusConnections >= 8)
  }

  @Test("With a large limit the databases get what they want")
  func largeLimit() throws {
    let plan = try DescriptorPlan(limit: 1 << 20, tables: [4096, 512], eventLoops: 2)
    #expect(plan.tables == [4096, 512])
    #expect(plan.connections == 16_384)
  }

  @Test("A limit that is too low is an error that names it", arguments: [0, 1, 64, 150])
  func lowLimit(_ limit: Int) {
    let error = #expect(throws: StartError.self) {
      try DescriptorPlan(limit: limit, tables: [4096, 512], eventLoops: 1)
    }
    #expect(error?.description.contains("ulimit -n") == true)
  }

  @Test("Very many event loops are an error")
  func manyLoops() {
    #expect(throws: StartError.self) {
      try DescriptorPlan(limit: 1024, tables: [20], eventLoops: .max / 8)
    }
  }
}
