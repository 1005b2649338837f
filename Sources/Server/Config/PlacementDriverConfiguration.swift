/// Everything that can be set about a placement driver.
package struct PlacementDriverConfiguration: Sendable {
  /// Where it listens.
  package var address = HostPort(host: "127.0.0.1", port: 2379)
  /// Where others reach it; nil means `address`.
  package var advertisedAddress: HostPort?
  /// Where `/status`, `/metrics` and `/ready` are served; nil serves them nowhere.
  package var statusAddress: HostPort?
  package var dataDirectory = "./apus-pd"
  package var maxReplicas = 3
  /// Silence after which a store counts as gone for good.
  package var maxStoreDownTime: Duration = .seconds(30 * 60)

  package init() {}
}
