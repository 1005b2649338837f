import Raftstore
import Runtime
import Simulation
import Testing

@Suite struct FaultPlanTests {
  private func plan(
    seed: UInt64, allowed: [FaultKind] = FaultKind.allCases, isForced: Bool = false
  ) -> FaultPlan {
    var random = SplitMix64(seed: seed)
    return FaultPlan(
      duration: .seconds(30), allowed: allowed, isForced: isForced, random: &random)
  }

  @Test func aSeedAlwaysGivesTheSamePlan() {
    #expect(plan(seed: 7).faults == plan(seed: 7).faults)
    #expect(plan(seed: 7).faults != plan(seed: 8).faults)
  }

  @Test func runsHaveSomeKindsAndAllKindsComeUp() {
    var seen: Set<FaultKind> = []
    for seed in 0..<32 as Range<UInt64> {
      let kinds = plan(seed: seed).kinds
      #expect(kinds.count < FaultKind.allCases.count)
      seen.formUnion(kinds)
    }
    #expect(seen == Set(FaultKind.allCases))
  }

  @Test(arguments: FaultKind.allCases)
  func aKindThatIsInStrikesAtLeastOnce(kind: FaultKind) {
    for seed in 0..<16 as Range<UInt64> {
      #expect(!plan(seed: seed, allowed: [kind], isForced: true).faults.isEmpty)
    }
  }

  @Test func faultsAreNumberedInOrderOfTime() {
    let faults = plan(seed: 3).faults
    #expect(faults.map(\.number) == Array(faults.indices))
    #expect(zip(faults, faults.dropFirst()).allSatisfy { $0.at <= $1.at })
  }

  /// What one kind draws does not depend on which others the run may have.
  @Test func aKindDrawsTheSameAlone() {
    let all = plan(seed: 5, isForced: true)
    for kind in FaultKind.allCases {
      let alone = plan(seed: 5, allowed: [kind], isForced: true)
      let among = all.faults.filter { $0.kind == kind }
      #expect(alone.faults.map(\.randomValues) == among.map(\.randomValues))
      #expect(alone.faults.map(\.at) == among.map(\.at))
    }
  }

  @Test func leavingOneOutLeavesTheOthersAsTheyWere() throws {
    var options = SimulationOptions(seed: 11)
    options.duration = .seconds(4)
    let whole = try Simulation(options).run()
    let victim = try #require(whole.plan.first)
    options.withoutFaults = [victim.number]
    let rest = try Simulation(options).run()
    #expect(rest.plan == whole.plan.filter { $0.number != victim.number })
  }

  @Test func driftStaysWithinWhatLeasesBear() {
    var config = RaftstoreConfig()
    for ticks in 8...20 {
      config.electionTicks = ticks
      let most = FaultLimits(config).clockDriftPerMillion
      #expect(most > 0)
      // The slowest leader's lease ends before the fastest follower's silence.
      let lease = config.maxLeaderLease.asNanoseconds
      let silence = min(
        (config.baseTickInterval * (ticks - 1)).asNanoseconds,
        (config.maxLeaderLease + config.baseTickInterval).asNanoseconds)
      #expect(lease * (1_000_000 + most) < silence * (1_000_000 - most))
    }
  }

  @Test func leasesAsLongAsTheSilenceBearNoDrift() {
    var config = RaftstoreConfig()
    config.maxLeaderLease = config.baseTickInterval * (config.electionTicks - 1)
    #expect(FaultLimits(config).clockDriftPerMillion == 0)
  }
}
