/// The frozen router: finds a method by the raw bytes of its path, without making a string.
final class MethodTable: Sendable {
  let observer: MethodRouter.Observer?
  private let buckets: [[Method]]
  private let mask: Int

  init(_ router: MethodRouter) {
    observer = router.observer
    var size = 16
    while size < router.methods.count * 4 { size *= 2 }
    mask = size - 1
    var buckets = [[Method]](repeating: [], count: size)
    for method in router.methods {
      let bytes = method.pathBytes
      let bucket = Self.hash(bytes.span) & (size - 1)
      precondition(
        !buckets[bucket].contains { $0.path == method.path }, "\(method.path) is served twice")
      buckets[bucket].append(method)
    }
    self.buckets = buckets
  }

  func method(at path: Span<UInt8>) -> Method? {
    for method in buckets[Self.hash(path) & mask] where equal(method.pathBytes, path) {
      return method
    }
    return nil
  }

  /// Methods differ mostly in their last letters; those are all it looks at.
  private static func hash(_ path: Span<UInt8>) -> Int {
    var hash = path.count
    for index in max(0, path.count - 12)..<path.count {
      hash = hash &* 31 &+ Int(path[index])
    }
    return hash ^ (hash >> 7)
  }

  private func equal(_ a: [UInt8], _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for index in a.indices where a[index] != b[index] { return false }
    return true
  }
}
