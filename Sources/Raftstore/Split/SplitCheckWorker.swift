import Codec
import Engine
import Logging
import Runtime

/// Messages of the split check worker.
enum SplitCheckMessage: Sendable {
  case check(SplitCheck)
  /// The worker's own: continue the scan.
  case proceed
}

/// Measures regions and finds split keys, one region at a time. It may wait for the disk.
///
/// A region is scanned only if its estimated size reaches a limit or its middle is wanted, and not if it is very large:
/// then its split keys are estimated too. A scan is divided into
/// parts, between which the worker can be stopped.
struct SplitCheckWorker: Handler {
  /// Bytes visited in one part of a scan.
  private static let partBytes: UInt64 = 4 << 20

  private struct Running {
    var check: SplitCheck
    /// Keeps the state that is scanned readable.
    var view: any KVSnapshot
    var scan: SplitScan
    var estimate: RangeSize
  }

  private let engine: any KVEngine
  private let limits: SplitLimits
  private let approximateSize: UInt64
  private let router: Router
  private let mailbox: Mailbox<SplitCheckMessage>
  private let logger: Logger
  private let checks: Counter
  private let scans: Counter
  private var waiting: [SplitCheck] = []
  private var running: Running?
  /// Whether a `proceed` is on its way.
  private var isProceeding = false

  init(
    engine: any KVEngine, config: SplitConfig, router: Router,
    mailbox: Mailbox<SplitCheckMessage>, metrics: Metrics, logger: Logger
  ) {
    self.engine = engine
    limits = config.limits
    approximateSize = config.approximateSize
    self.router = router
    self.mailbox = mailbox
    self.logger = logger
    checks = metrics.counter(
      "apus_raftstore_split_check_total", "Regions measured", labels: [("type", "estimate")])
    scans = metrics.counter(
      "apus_raftstore_split_check_total", "Regions measured", labels: [("type", "scan")])
  }

  mutating func handle(_ batch: [SplitCheckMessage]) {
    for message in batch {
      switch message {
      case .check(let check): waiting.append(check)
      case .proceed: isProceeding = false
      }
    }
    proceed()
    guard running != nil || !waiting.isEmpty, !isProceeding else { return }
    isProceeding = true
    mailbox.post(.proceed)
  }

  /// Does one part of the work: an estimate, or a part of a scan.
  private mutating func proceed() {
    guard let check = running?.check ?? waiting.first else { return }
    do throws(EngineError) {
      if running == nil {
        waiting.removeFirst()
        try begin(check)
      } else if try running?.scan.visit(Self.partBytes) == true {
        finish()
      }
    } catch {
      logger.warning("region \(check.region.id): cannot be measured: \(error)")
      running = nil
      router.reportDamage(error, regionID: check.region.id, peerID: check.peerID)
      report(check, nil, [])
    }
  }

  private mutating func begin(_ check: SplitCheck) throws(EngineError) {
    checks.increment()
    let estimate = try RangeSize.estimate(
      of: check.region.range, in: engine, limit: limits.maxSize)
    if check.purpose == .limits, estimate.bytes < limits.maxSize, estimate.keys < limits.maxKeys {
      return report(check, estimate, [])
    }
    if check.purpose == .limits, estimate.bytes >= approximateSize {
      let count = ApproximateSplitKeys.count(for: estimate.bytes, limits)
      let keys = try ApproximateSplitKeys(of: check.region.range, in: engine).keys(count)
      // Without a key in files the region is scanned after all.
      if !keys.isEmpty { return report(check, estimate, keys) }
    }
    scans.increment()
    let view = engine.snapshot()
    let range = check.region.range
    let scan =
      check.purpose == .limits
      ? try SplitScan.forLimits(limits, estimate, of: range, in: view)
      : try SplitScan.forMiddle(of: range, in: view)
    running = Running(check: check, view: view, scan: scan, estimate: estimate)
  }

  private mutating func finish() {
    guard let done = running.take() else { return }
    // What ended early has found its keys; the rest of the region is estimated.
    let isComplete = done.scan.isComplete
    report(
      done.check, isComplete ? done.scan.visited : done.estimate, done.scan.splitKeys,
      isEven: isComplete)
  }

  private func report(
    _ check: SplitCheck, _ size: RangeSize?, _ keys: [[UInt8]], isEven: Bool = true
  ) {
    let result = SplitCheckResult(
      region: check.region, peerID: check.peerID, purpose: check.purpose, size: size,
      splitKeys: keys, isDividedEvenly: isEven)
    router.post(.splitChecked(result), to: check.region.id)
  }
}
