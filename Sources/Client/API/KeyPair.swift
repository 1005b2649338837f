/// A key and its value.
public struct KeyPair: Sendable, Hashable {
  public var key: [UInt8]
  /// Empty where only keys were asked for.
  public var value: [UInt8]

  public init(key: [UInt8], value: [UInt8] = []) {
    self.key = key
    self.value = value
  }
}
