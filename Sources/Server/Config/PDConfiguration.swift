/// Everything that can be set about a placement driver.
package struct PDConfiguration: Sendable {
  /// Where it listens.
  package var address = HostPort(host: "127.0.0.1", port: 2379)
  /// Where others reach it; nil means `address`.
  package var advertisedAddress: HostPort?
  /// Where `/status`, `/metrics` and `/ready` are served; nil serves them nowhere.
  package var statusAddress: HostPort?
  package var dataDirectory = "./apus-pd"
  package var maxReplicas = 3
  /// Silence after which a store counts as gone permanently.
  package var maxStoreDownTime: Duration = .seconds(30 * 60)

  /// Silence after which a newcomer may take a store's place.
  package var storeReplacementDelay: Duration = .seconds(15)
  /// How long what is known of a region outlasts a leader that contradicts it, without any heartbeat of its
  /// own leader.
  package var regionClaimTimeout: Duration = .seconds(180)

  package init() {}

  /// The first setting that cannot work, in words; nil when all are fine.
  package func problem() -> String? {
    if dataDirectory.isEmpty { return "--data-dir must not be empty" }
    if let problem = SettingRange.problem("--max-replicas", maxReplicas, 1...15)
      ?? SettingRange.problem(
        "--max-store-down-time", maxStoreDownTime, .seconds(1)...SettingRange.year)
      ?? SettingRange.problem(
        "--store-replacement-delay", storeReplacementDelay, .seconds(1)...(.seconds(3600)))
      ?? SettingRange.problem(
        "--region-claim-timeout", regionClaimTimeout, .seconds(1)...(.seconds(86_400)))
    {
      return problem
    }
    if advertisedAddress?.port == 0 { return "--advertise-client-addr must name a port, not 0" }
    if let statusAddress, statusAddress == address, address.port != 0 {
      return "--status-addr must not be the placement driver's own address, \(address)"
    }
    return HostPort.problem(
      advertised: advertisedAddress ?? address, flag: "--advertise-client-addr")
  }
}
