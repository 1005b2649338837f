import Raftstore
import Runtime
import SimulationKit

/// Clocks, timers and time limits on which leases and elections cannot count.
enum TimeMutants {
  static let all: [Mutant] = [
    Mutant(
      "clock-stops-while-paused", "Clocks stand still while a process is paused: its lease goes on."
    ) {
      $0.faults = [.pause]
      $0.parts.host = { part, _, _ in AlteredHost(part, clock: SuspendedClock(part.clock)) }
    },
    Mutant(
      "clock-slower-than-timers", "Clocks run at a tenth of the speed of timers: leases last long."
    ) {
      $0.faults = [.partition, .oneWay]
      $0.parts.host = { part, _, _ in
        AlteredHost(part, clock: SlowClock(base: part.clock, factor: 10))
      }
    },
    Mutant(
      "clock-of-one-store-slow", "A store's clock and timers run at a tenth of the others' speed."
    ) {
      $0.faults = [.partition, .oneWay]
      $0.prepare = { $0.stores.first?.machine.clock.drift(to: 100_000) }
    },
    Mutant(
      "lease-exceeds-election-timeout",
      "Leases of one store last longer than the others wait before they elect."
    ) {
      $0.faults = [.partition, .oneWay, .transferLeader]
      $0.parts.config = { config, store, _ in
        guard store.number == 1 else { return config }
        var config = config
        config.electionTicks *= 10
        config.maxLeaderLease = config.baseTickInterval * (config.electionTicks - 1)
        return config
      }
    },
    Mutant("timers-stop", "After a while peers get no ticks any more.") {
      $0.faults = [.kill]
      let tick = $0.shape.raftstore.baseTickInterval
      $0.parts.host = { part, _, _ in
        var count = 0
        return AlteredHost(
          part,
          fires: { interval in
            guard interval == tick else { return true }
            count += 1
            return count < 60
          })
      }
    },
  ]
}
