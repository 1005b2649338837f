import Runtime
import SimulationKit

/// Clocks that are wrong: about the time of day by any amount, about how fast time passes by no more than
/// leases tolerate.
final class ClockFaults {
  private let context: FaultContext
  private let limits: FaultLimits
  private var drifting: [(fault: Int, machine: SimulatedMachine, rate: Int64)] = []

  init(_ context: FaultContext, _ limits: FaultLimits) {
    self.context = context
    self.limits = limits
  }

  private var machines: [SimulatedMachine] {
    [context.cluster.pd.machine] + context.cluster.stores.map(\.machine)
  }

  func inject(_ fault: PlannedFault) {
    if fault.kind == .skew { skew(fault) } else { drift(fault) }
  }

  func heal() {
    drifting = []
    for machine in machines {
      machine.clock.wallError = 0
      machine.clock.drift(to: Self.trueRate)
    }
  }

  private static let trueRate: Int64 = 1_000_000

  /// The time of day is set wrong, forward or back, until it is set again.
  private func skew(_ fault: PlannedFault) {
    var randomValues = SplitMix64(seed: fault.randomValues[1])
    let machine = machines[Int(fault.randomValues[0] % UInt64(machines.count))]
    // Files keep their times when clocks are set right again: on stores, ages may be wrong for as long
    // as the clocks were wrong by.
    let far: Int64 = machine === context.cluster.pd.machine ? 3_600_000 : 8_000
    let most: Int64 = [100, 2_000, far][Int(randomValues.next() % 3)]
    machine.clock.wallError = Int64.random(in: -most...most, using: &randomValues)
    context.injects(fault, "\(machine.name) by \(machine.clock.wallError) ms")
  }

  /// Machines run too fast or too slow: one, or all, each at its own rate.
  private func drift(_ fault: PlannedFault) {
    var randomValues = SplitMix64(seed: fault.randomValues[1])
    let most = limits.clockDriftPerMillion
    let victims =
      fault.randomValues[0] & 1 == 0
      ? machines : [machines[Int((fault.randomValues[0] >> 1) % UInt64(machines.count))]]
    context.injects(fault, victims.map(\.name).joined(separator: ", "))
    for machine in victims {
      // The extremes find most.
      let error =
        randomValues.next() & 1 == 0
        ? (randomValues.next() & 1 == 0 ? most : -most)
        : Int64.random(in: -most...most, using: &randomValues)
      drifting.append((fault.number, machine, Self.trueRate + error))
      recompute(machine)
    }
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      drifting.removeAll { $0.fault == fault.number }
      victims.forEach(recompute)
      context.ends(fault)
    }
  }

  /// Of several drifts of a machine the latest is the one that holds.
  private func recompute(_ machine: SimulatedMachine) {
    let rate = drifting.last { $0.machine === machine }?.rate ?? Self.trueRate
    if machine.clock.rate != rate { machine.clock.drift(to: rate) }
  }
}
