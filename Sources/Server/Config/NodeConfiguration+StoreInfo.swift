import Codec

extension NodeConfiguration {
  /// The TiKV release that the store reports; some clients enable features by it.
  static let storeVersion = "8.5.0"

  /// The store's record for the placement driver, without an id.
  func storeInfo(startedAt seconds: UInt64) -> StoreInfo {
    StoreInfo(
      address: publicAddress.description, peerAddress: publicAddress.description,
      statusAddress: publicStatusAddress?.description ?? "",
      version: Self.storeVersion, startTimestamp: Int64(seconds), deployPath: dataDirectory,
      labels: labels.map { StoreInfo.Label(key: $0.key, value: $0.value) })
  }
}
