import Codec

extension NodeConfiguration {
  /// The TiKV release whose behaviour clients may expect; some turn features on by it.
  static let storeVersion = "8.5.0"

  /// What the placement driver is notified of the store; the id is still to be found.
  func storeInfo(startedAt seconds: UInt64) -> StoreInfo {
    StoreInfo(
      address: publicAddress.description, peerAddress: publicAddress.description,
      statusAddress: publicStatusAddress?.description ?? "",
      version: Self.storeVersion, startTimestamp: Int64(seconds), deployPath: dataDirectory,
      labels: labels.map { StoreInfo.Label(key: $0.key, value: $0.value) })
  }
}
