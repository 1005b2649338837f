import Runtime
import SimulationKit

/// A clock that does not count the time in which nothing read it for longer than a tick: as one that stops
/// with its machine.
struct SuspendedClock: Clock {
  private struct State {
    var last: Instant
    var uncounted = Duration.zero
  }

  private static let longestGap = Duration.milliseconds(80)

  private let base: any Clock
  private let state: ThreadBound<State>

  init(_ base: any Clock) {
    self.base = base
    state = ThreadBound(State(last: base.now))
  }

  var now: Instant {
    let real = base.now
    let gap = real - state.value.last
    if gap > Self.longestGap { state.value.uncounted += gap }
    state.value.last = real
    return Instant(nanoseconds: real.nanoseconds - UInt64(state.value.uncounted.asNanoseconds))
  }

  var wallMilliseconds: UInt64 { base.wallMilliseconds }
}
