import ArgumentParser
import Logging
import Server

/// Reads flag values that need more than a type.
enum FlagValue {
  static func address(_ text: String, _ flag: String) throws -> HostPort {
    guard let address = HostPort(plain: text) else {
      throw ValidationError("\(flag): invalid address '\(text)': expected host:port")
    }
    return address
  }

  static func level(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(tikvName: text) else {
      throw ValidationError(
        "--log-level: invalid level '\(text)': expected trace, debug, info, warn, error or fatal")
    }
    return level
  }

  static func bytes(_ text: String, _ flag: String) throws -> UInt64 {
    guard let bytes = Quantity.bytes(text) else {
      throw ValidationError("\(flag): invalid size '\(text)': expected for example 100GB")
    }
    return bytes
  }

  static func duration(_ text: String, _ flag: String) throws -> Duration {
    guard let duration = Quantity.duration(text) else {
      throw ValidationError(
        "\(flag): invalid duration '\(text)': expected for example 500ms or 1h30m")
    }
    return duration
  }

  static func labels(_ text: String) throws -> [NodeConfiguration.Label] {
    let pairs = text.split(separator: ",", omittingEmptySubsequences: false)
    let labels = try pairs.map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw ValidationError("--labels: invalid label '\(pair)': expected key=value")
      }
      return NodeConfiguration.Label(key: String(parts[0]), value: String(parts[1]))
    }
    return NodeConfiguration.Label.unique(labels)
  }

  /// Addresses separated by commas, at least one.
  static func endpoints(_ text: String, _ flag: String) throws -> [HostPort] {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard parts.contains(where: { !$0.isEmpty }) else {
      throw ValidationError(
        "\(flag) has no placement driver endpoint: omit the flag to run a stand-alone store")
    }
    return try parts.map { part in
      guard !part.hasPrefix("https://") else {
        throw ValidationError("\(flag): '\(part)': TLS is not supported; expected host:port")
      }
      let endpoint = try address(
        part.hasPrefix("http://") ? String(part.dropFirst("http://".count)) : part, flag)
      guard endpoint.port > 0 else {
        throw ValidationError("\(flag): '\(part)' has no port: expected host:port")
      }
      return endpoint
    }
  }

  /// Refuses a flag's number out of its range.
  static func check<Value: Comparable>(
    _ flag: String, _ value: Value?, _ range: ClosedRange<Value>
  ) throws {
    if let value, let problem = SettingRange.problem(flag, value, range) {
      throw ValidationError(problem)
    }
  }
}
