/// Payloads of frames in memory, uncompressed: the newest written and the newest read.
struct PayloadCache {
  private let limit: Int
  private var payloads: [FramePlace: [UInt8]] = [:]
  /// In the order of insertion.
  private var order: [FramePlace] = []
  /// How many at the start of `order` are removed.
  private var head = 0
  private(set) var bytes = 0

  /// - Parameter limit: bytes above which the oldest are removed.
  init(limit: Int) {
    self.limit = limit
  }

  func payload(_ place: FramePlace) -> [UInt8]? { payloads[place] }

  mutating func insert(_ payload: [UInt8], _ place: FramePlace) {
    guard !payload.isEmpty, payload.count <= limit, payloads[place] == nil else { return }
    payloads[place] = payload
    order.append(place)
    bytes += payload.count
    while bytes > limit, head < order.count {
      if let old = payloads.removeValue(forKey: order[head]) { bytes -= old.count }
      head += 1
    }
    if head > 1024, head > order.count / 2 {
      order.removeFirst(head)
      head = 0
    }
  }
}
