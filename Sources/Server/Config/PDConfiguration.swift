/// The configuration of a placement driver.
package struct PDConfiguration: Sendable {
  /// The listen address. The port is PD's.
  package var address = HostPort(host: "127.0.0.1", port: 2379)
  /// The address that others are given; nil means `address`.
  package var advertisedAddress: HostPort?
  /// The listen address of the status port; nil for none.
  package var statusAddress: HostPort?
  package var dataDirectory = "./apus-pd"
  /// The target number of replicas of a region; PD's default.
  package var maxReplicas = 3
  /// The time without heartbeats after which a store's replicas are replaced; PD's default.
  package var maxStoreDownTime: Duration = .seconds(30 * 60)
  /// The time without heartbeats after which another process may register with the id or address of a store.
  package var storeReplacementDelay: Duration = .seconds(15)
  /// The time without heartbeats of a region's leader after which the heartbeats of another leader that
  /// contradict the known region replace it.
  package var regionClaimTimeout: Duration = .seconds(180)

  package init() {}

  /// The first problem of the configuration, as a message; nil if it is valid.
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
