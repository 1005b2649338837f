import Runtime
import SimulationKit

/// Faults of the network. Several may last at a time; their joint effect is recomputed whenever one begins or
/// ends, so that none ends another.
final class NetworkFaults {
  /// The effect of one fault while it lasts.
  private struct NetworkFault {
    let fault: Int
    /// Where; nil: everywhere.
    var links: [Link]?
    var isCut = false
    /// What it makes of the conditions on those links.
    var worsen: (inout SimulatedNetwork.Conditions) -> Void = { _ in }
  }

  private struct Link: Hashable {
    var from: Int
    var to: Int
  }

  private let context: FaultContext
  private var active: [NetworkFault] = []

  init(_ context: FaultContext) {
    self.context = context
  }

  private var network: SimulatedNetwork { context.cluster.network }

  func inject(_ fault: PlannedFault) {
    switch fault.kind {
    case .partition: begin(fault, cut(fault, isOneWay: false))
    case .oneWay: begin(fault, cut(fault, isOneWay: true))
    case .reset: reset(fault)
    case .loss, .delay, .reorder, .duplicate, .slowLink: begin(fault, conditions(fault))
    default: preconditionFailure("\(fault.kind) belongs to another class")
    }
  }

  func heal() {
    active = []
    network.healAll()
  }

  // MARK: Beginning and ending

  private func begin(_ fault: PlannedFault, _ effect: NetworkFault) {
    context.injects(fault, effect.links.map { "on \($0.count) links" } ?? "everywhere")
    active.append(effect)
    recompute()
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      active.removeAll { $0.fault == fault.number }
      recompute()
      context.ends(fault)
    }
  }

  /// Brings the network into the state of all active faults.
  private func recompute() {
    network.healAll()
    var everywhere = SimulatedNetwork.Conditions()
    for effect in active where effect.links == nil { effect.worsen(&everywhere) }
    network.conditions = everywhere
    var special: [Link: SimulatedNetwork.Conditions] = [:]
    for effect in active {
      for link in effect.links ?? [] {
        if effect.isCut {
          network.block(from: link.from, to: link.to)
        } else {
          effect.worsen(&special[link, default: everywhere])
          network.set(special[link], from: link.from, to: link.to)
        }
      }
    }
  }

  // MARK: Bad conditions

  private func conditions(_ fault: PlannedFault) -> NetworkFault {
    var randomValues = SplitMix64(seed: fault.randomValues[1])
    // A slow link is one link; the others are everywhere every other time.
    let isEverywhere = fault.kind != .slowLink && fault.randomValues[0] & 1 == 0
    var effect = NetworkFault(
      fault: fault.number,
      links: isEverywhere ? nil : link(fault.randomValues[0] >> 1, fault.randomValues[2]))
    switch fault.kind {
    case .loss:
      let rate = UInt64.random(in: 1_000...200_000, using: &randomValues)
      effect.worsen = { $0.lossPerMillion = max($0.lossPerMillion, rate) }
    case .duplicate:
      let rate = UInt64.random(in: 5_000...300_000, using: &randomValues)
      effect.worsen = { $0.duplicatesPerMillion = max($0.duplicatesPerMillion, rate) }
    case .reorder:
      let jitter = Duration.microseconds(Int64.random(in: 500...40_000, using: &randomValues))
      effect.worsen = {
        $0.reorders = true
        $0.jitter = max($0.jitter, jitter)
      }
    case .slowLink:
      let delay = Duration.milliseconds(Int64.random(in: 30...1_200, using: &randomValues))
      effect.worsen = { $0.delay += delay }
    case .delay:
      let delay = Duration.microseconds(Int64.random(in: 300...60_000, using: &randomValues))
      let jitter = Duration.microseconds(Int64.random(in: 300...200_000, using: &randomValues))
      effect.worsen = {
        $0.delay += delay
        $0.jitter = max($0.jitter, jitter)
      }
    default: preconditionFailure("\(fault.kind) belongs to another class")
    }
    return effect
  }

  /// Both ways between a store and another machine.
  private func link(_ first: UInt64, _ second: UInt64) -> [Link] {
    let (one, other) = pair(first, second)
    return [Link(from: one, to: other), Link(from: other, to: one)]
  }

  /// A store, and most times another one, else any machine.
  private func pair(_ first: UInt64, _ second: UInt64) -> (Int, Int) {
    let one = context.store(first).number
    let stores = context.cluster.stores.map(\.number)
    let others = (second & 3 == 0 ? context.machines : stores).filter { $0 != one }
    return (one, others[Int((second >> 2) % UInt64(others.count))])
  }

  // MARK: Cuts

  private func cut(_ fault: PlannedFault, isOneWay: Bool) -> NetworkFault {
    let (left, right) = sides(fault)
    var links: [Link] = []
    for one in left {
      for other in right {
        links.append(Link(from: one, to: other))
        if !isOneWay { links.append(Link(from: other, to: one)) }
      }
    }
    if isOneWay && fault.randomValues[3] & 1 == 0 {
      links = links.map { Link(from: $0.to, to: $0.from) }
    }
    return NetworkFault(fault: fault.number, links: links, isCut: true)
  }

  /// The machines that are cut off from each other.
  private func sides(_ fault: PlannedFault) -> ([Int], [Int]) {
    let store = context.store(fault.randomValues[0]).number
    let stores = context.cluster.stores.map(\.number)
    switch fault.randomValues[1] % 8 {
    case 0, 1:
      // One store from the others; clients reach it still.
      return ([store], stores.filter { $0 != store })
    case 2:
      return ([store], context.machines.filter { $0 != store })
    case 3:
      return halves(fault.randomValues[2], stores)
    case 4:
      // As by a switch: each side sees only itself.
      return halves(fault.randomValues[2], context.machines)
    case 5:
      return ([store], [0])
    case 6:
      return ([store], context.machines.filter { $0 >= 1000 })
    default:
      let (one, other) = pair(fault.randomValues[0], fault.randomValues[2] | 3)
      return ([one], [other])
    }
  }

  /// Each machine goes to one of two sides; none is empty.
  private func halves(_ randomValue: UInt64, _ machines: [Int]) -> ([Int], [Int]) {
    var randomValues = SplitMix64(seed: randomValue)
    var sides: ([Int], [Int]) = ([], [])
    for machine in machines {
      if randomValues.next() & 1 == 0 { sides.0.append(machine) } else { sides.1.append(machine) }
    }
    if sides.0.isEmpty { sides.0.append(sides.1.removeLast()) }
    if sides.1.isEmpty { sides.1.append(sides.0.removeLast()) }
    return sides
  }

  // MARK: Resets

  /// Connections break: one, or all of a store.
  private func reset(_ fault: PlannedFault) {
    if fault.randomValues[1] & 1 == 0 {
      let (one, other) = pair(fault.randomValues[0], fault.randomValues[2])
      context.injects(fault, "between \(one) and \(other)")
      network.reset(one, other)
    } else {
      let store = context.store(fault.randomValues[0]).number
      context.injects(fault, "of store machine \(store)")
      for other in context.machines where other != store { network.reset(store, other) }
    }
  }
}
