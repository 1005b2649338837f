import Runtime
import Synchronization

/// Runs the workers of a whole cluster in one thread on virtual time: a seeded choice of who is next, time
/// that jumps from timer to timer.
///
/// Safety of `@unchecked Sendable`: everything happens on the thread of the one test that owns it.
final class Stepper: @unchecked Sendable {
  private struct Pump {
    var owner: Int
    var name: String
    var worker: any SteppedWorker
    var isStalled = false
  }

  private struct Timer {
    var id: Int
    var owner: Int
    var deadline: Instant
    var interval: Duration?
    var fire: @Sendable () -> Void
  }

  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private var pumps: [Pump] = []
  private var timers: [Timer] = []
  private var nextTimer = 0
  private var randomness: SplitMix64

  init(seed: UInt64) {
    randomness = SplitMix64(seed: seed)
  }

  // MARK: What hosts add

  func add(_ worker: any SteppedWorker, name: String, owner: Int) {
    pumps.append(Pump(owner: owner, name: name, worker: worker))
  }

  /// One worker hangs from now on.
  func stall(owner: Int, name: String) {
    for place in pumps.indices where pumps[place].owner == owner && pumps[place].name == name {
      pumps[place].isStalled = true
    }
  }

  /// Nothing of an owner hangs any more.
  func resume(owner: Int) {
    for place in pumps.indices where pumps[place].owner == owner {
      pumps[place].isStalled = false
    }
  }

  func addTimer(
    owner: Int, after delay: Duration, every interval: Duration?,
    _ fire: @escaping @Sendable () -> Void
  ) -> Int {
    nextTimer += 1
    timers.append(
      Timer(
        id: nextTimer, owner: owner, deadline: now + delay, interval: interval, fire: fire))
    return nextTimer
  }

  func cancelTimer(_ id: Int) {
    timers.removeAll { $0.id == id }
  }

  /// A worker was stopped by its owner: it handles what is queued and ends.
  func finish(_ worker: any SteppedWorker) {
    while worker.step(limit: 4096) {}
    worker.end()
    pumps.removeAll { $0.worker === worker }
  }

  /// An owner's process crashes: nothing of it runs any more, and no one it owed a response gets one.
  func kill(owner: Int) {
    for pump in pumps where pump.owner == owner {
      // Dropping it would respond what a dead process cannot respond.
      _ = Unmanaged.passRetained(pump.worker as AnyObject)
    }
    pumps.removeAll { $0.owner == owner }
    timers.removeAll { $0.owner == owner }
  }

  // MARK: Running

  /// Lets workers run until no one has anything to do.
  func settle() {
    while true {
      let ready = pumps.filter { !$0.isStalled && $0.worker.hasWork }
      guard let pump = ready.randomElement(using: &randomness) else { return }
      _ = pump.worker.step(limit: Int.random(in: 1...64, using: &randomness))
    }
  }

  /// Lets `duration` pass.
  func run(_ duration: Duration) {
    let end = now + duration
    settle()
    while let next = timers.map(\.deadline).min(), next <= end {
      now = max(now, next)
      fireDue()
      settle()
    }
    now = end
  }

  /// Lets time pass until `condition` holds, at most `limit`.
  func run(atMost limit: Duration, until condition: () -> Bool) -> Bool {
    let end = now + limit
    settle()
    while !condition() {
      guard now < end else { return false }
      run(.milliseconds(10))
    }
    return true
  }

  private func fireDue() {
    let due = timers.filter { $0.deadline <= now }.sorted {
      ($0.deadline, $0.id) < ($1.deadline, $1.id)
    }
    for timer in due {
      guard let place = timers.firstIndex(where: { $0.id == timer.id }) else { continue }
      if let interval = timer.interval {
        timers[place].deadline = now + interval
      } else {
        timers.remove(at: place)
      }
      timer.fire()
    }
  }
}

/// A worker as the stepper sees it.
protocol SteppedWorker: AnyObject {
  var hasWork: Bool { get }
  /// Handles one batch; false when nothing was queued.
  func step(limit: Int) -> Bool
  func end()
}
