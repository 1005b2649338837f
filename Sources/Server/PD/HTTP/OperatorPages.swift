import Codec
import PlacementDriver

/// An operator as PD writes it: one line.
enum OperatorText {
  static func line(_ operation: OperatorSummary) -> String {
    let steps = operation.steps.enumerated().map { "\($0.offset):{\($0.element)}" }
    return "\(operation.name) {\(operation.reason)} (kind:\(operation.kind), "
      + "region:\(operation.regionID)(\(operation.epoch.version), \(operation.epoch.confVersion)), "
      + "createAt:\(time(operation.createdAt)), startAt:\(time(operation.createdAt)), "
      + "currentStep:\(operation.current), size:\(operation.size.mebibytes), "
      + "steps:[\(steps.joined(separator: ", "))], timeout:[\(PDJSON.duration(operation.timeout))])"
      + suffix(operation.status)
  }

  /// An ended operator in the list of those.
  static func record(_ operation: OperatorSummary) -> String {
    "\(line(operation)) (finishAt:\(time(operation.endedAt ?? 0)), "
      + "duration:\(PDJSON.duration(operation.age)))"
  }

  /// The state of a region's operator, as the page of one region writes it.
  static func status(_ operation: OperatorSummary) -> String {
    let name =
      switch operation.status {
      case .running: "RUNNING"
      case .success: "SUCCESS"
      case .timeout: "TIMEOUT"
      case .cancel: "CANCEL"
      case .replace: "REPLACE"
      }
    return "status: \(name), operator: \(line(operation))"
  }

  private static func suffix(_ status: OperatorStatus) -> String {
    switch status {
    case .running: ""
    case .success: " finished"
    case .timeout: " timeout"
    case .cancel: " canceled"
    case .replace: " replaced"
    }
  }

  private static func time(_ milliseconds: UInt64) -> String {
    PDJSON.time(secondsSince1970: Int64(clamping: milliseconds / 1000))
  }
}
