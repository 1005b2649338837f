import Testing

@testable import Server

struct DescriptorPlanTests {
  @Test(arguments: [180, 200, 256, 512, 1024, 4096, 65_536, 1 << 20])
  func thePartsFitIntoTheLimit(_ limit: Int) throws {
    let plan = try DescriptorPlan(limit: limit, tables: [4096, 512], eventLoops: 1)
    let sum = plan.reserve + plan.tables.reduce(0, +) + plan.connections + plan.statusConnections
    #expect(sum <= limit)
    #expect(plan.tables.allSatisfy { $0 >= 20 })
    #expect(plan.connections >= 16)
    #expect(plan.statusConnections >= 8)
  }

  @Test func aLargeLimitGivesTheDatabasesWhatTheyAskFor() throws {
    let plan = try DescriptorPlan(limit: 1 << 20, tables: [4096, 512], eventLoops: 2)
    #expect(plan.tables == [4096, 512])
    #expect(plan.connections == 16_384)
  }

  @Test(arguments: [0, 1, 64, 150])
  func aLimitBelowTheLeastIsRefusedInWords(_ limit: Int) {
    let error = #expect(throws: StartError.self) {
      try DescriptorPlan(limit: limit, tables: [4096, 512], eventLoops: 1)
    }
    #expect(error?.description.contains("ulimit -n") == true)
  }

  @Test func absurdNumbersOfLoopsAreRefused() {
    #expect(throws: StartError.self) {
      try DescriptorPlan(limit: 1024, tables: [20], eventLoops: .max / 8)
    }
  }
}
