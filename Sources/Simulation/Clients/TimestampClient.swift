import PlacementDriver
import Runtime
import SimulationKit

/// The timestamps that clients of a run have received: what the placement driver promises of them, over its restarts and
/// whatever its clock does.
final class TimestampRecord {
  /// The highest one.
  private(set) var latest: UInt64 = 0
  /// All batches, ascending.
  private var batches: [ClosedRange<UInt64>] = []
  /// The first broken promise; nil while there is none.
  private(set) var violation: String?

  /// A batch has arrived that was asked for when `floor` was the highest timestamp.
  func receive(_ batch: ClosedRange<UInt64>, above floor: UInt64) {
    if batch.lowerBound <= floor {
      violation =
        violation ?? "timestamps \(batch) were issued after \(floor) was known to a client"
    }
    // Nearly always at the end.
    var place = batches.count
    while place > 0, batches[place - 1].lowerBound > batch.lowerBound { place -= 1 }
    for neighbor in [place - 1, place] where batches.indices.contains(neighbor) {
      guard batches[neighbor].overlaps(batch) else { continue }
      violation = violation ?? "timestamps \(batch) were issued twice: \(batches[neighbor])"
    }
    batches.insert(batch, at: place)
    latest = max(latest, batch.upperBound)
  }
}

/// Takes batches of timestamps throughout the run.
final class TimestampClient {
  private let process: SimulatedProcess
  private let cluster: SimulatedCluster
  private let record: TimestampRecord
  private var random: SplitMix64
  private let isCalling: () -> Bool

  init(
    number: Int, cluster: SimulatedCluster, record: TimestampRecord, seed: UInt64,
    while isCalling: @escaping () -> Bool
  ) {
    self.cluster = cluster
    self.record = record
    self.isCalling = isCalling
    random = SplitMix64(seed: seed)
    let machine = SimulatedMachine(
      number: 2000 + number, name: "timestamps\(number)", scheduler: cluster.scheduler)
    process = machine.startProcess()
  }

  func begin() {
    guard isCalling() else { return }
    let pause = Duration.milliseconds(Int64.random(in: 20...400, using: &random))
    cluster.scheduler.after(pause, in: process) { [self] in take() }
  }

  private func take() {
    let count = random.next() % 4 == 0 ? UInt64.random(in: 1...200_000, using: &random) : 1
    let floor = record.latest
    cluster.pd.call(from: process, timeout: .seconds(1)) { (core, reading) throws(PDError) in
      try core.timestamps.take(count, reading)
    } _: { [self] result in
      if case .success(let last) = result {
        record.receive(last.value - count + 1...last.value, above: floor)
      }
      begin()
    }
  }
}
