public import ArgumentParser
public import Logging
import Runtime
import Server

// The types of flags. The parser's error names the flag, the refused value and the value's form, which is the
// flag's `valueName`: "The value 'x' is invalid for '--addr <host:port>'".

extension HostPort: ExpressibleByArgument {
  /// `host:port`, without a scheme.
  public init?(argument: String) {
    self.init(plain: argument)
  }
}

extension Duration: @retroactive ExpressibleByArgument {
  /// As in TiKV's configuration: `500ms`, `1h30m`.
  public init?(argument: String) {
    guard let duration = Quantity.duration(argument) else { return nil }
    self = duration
  }

  public var defaultValueDescription: String { Quantity.text(self) }
}

extension Logger.Level: @retroactive ExpressibleByArgument {
  /// TiKV's name of a level, in lower or upper case.
  public init?(argument: String) {
    self.init(tikvName: argument)
  }

  public static var allValueStrings: [String] {
    ["trace", "debug", "info", "warn", "error", "fatal"]
  }
}

/// The address of the status port; an empty value turns the port off.
struct StatusAddress: ExpressibleByArgument {
  /// No status port.
  static let off = StatusAddress(address: nil)

  /// Nil turns the port off.
  var address: HostPort?

  private init(address: HostPort?) {
    self.address = address
  }

  init?(argument: String) {
    address = HostPort(plain: argument)
    if address == nil, !argument.isEmpty { return nil }
  }

  var defaultValueDescription: String { address?.description ?? "" }
}

/// A number of bytes, written as in TiKV's configuration: `100GB`, `8MiB`, `512`.
struct ByteCount: ExpressibleByArgument {
  var bytes: UInt64

  init?(argument: String) {
    guard let bytes = Quantity.bytes(argument) else { return nil }
    self.bytes = bytes
  }
}

/// Labels of a store, `key=value` separated by commas. Of two values for a key the last one counts.
struct LabelList: ExpressibleByArgument {
  var labels: [NodeConfiguration.Label]

  init?(argument: String) {
    var labels: [NodeConfiguration.Label] = []
    for pair in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else { return nil }
      labels.append(NodeConfiguration.Label(key: String(parts[0]), value: String(parts[1])))
    }
    self.labels = NodeConfiguration.Label.unique(labels)
  }
}

/// Addresses of placement drivers, at least one, separated by commas; each may begin with `http://`.
///
/// Parsed by `parse`, not by an initializer of the argument parser: its errors say what to do about a scheme
/// that is not served and about a missing endpoint.
struct PDEndpoints {
  /// Where a placement driver of this machine listens by default.
  static let local = PDEndpoints(addresses: [HostPort(host: "127.0.0.1", port: 2379)])

  var addresses: [HostPort]

  /// For `ApusClient.connect`.
  var texts: [String] { addresses.map(\.description) }

  /// For `@Option(transform:)`.
  static func parse(_ text: String) throws -> PDEndpoints {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard parts.contains(where: { !$0.isEmpty }) else {
      throw ValidationError(
        "no placement driver endpoint; apus node without this flag runs a stand-alone store")
    }
    return PDEndpoints(addresses: try parts.map(endpoint))
  }

  private static func endpoint(_ text: String) throws -> HostPort {
    guard !text.hasPrefix("https://") else {
      throw ValidationError("'\(text)': TLS is not supported; expected host:port")
    }
    let plain = text.hasPrefix("http://") ? String(text.dropFirst("http://".count)) : text
    guard let endpoint = HostPort(plain: plain), endpoint.port > 0 else {
      throw ValidationError("invalid address '\(text)': expected host:port")
    }
    return endpoint
  }
}

extension PDEndpoints: CustomStringConvertible {
  var description: String { texts.joined(separator: ",") }
}

/// Checks of flags after they were parsed.
enum FlagValue {
  /// Throws if a number is outside its range; the error names the flag and the range.
  static func check<Value: Comparable>(
    _ flag: String, _ value: Value?, _ range: ClosedRange<Value>
  ) throws {
    if let value, let problem = SettingRange.problem(flag, value, range) {
      throw ValidationError(problem)
    }
  }
}
