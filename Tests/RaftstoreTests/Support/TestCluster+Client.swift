import Codec
import Engine
import Raftstore
import Runtime

// A client: one attempt, and attempts until it works.
extension TestCluster {
  func context(_ node: TestNode, _ change: (inout RequestContext) -> Void = { _ in })
    -> RequestContext
  {
    let status = node.status(regionID)
    var context = RequestContext(
      regionID: regionID, epoch: status?.region.epoch ?? RegionEpoch(),
      peer: status?.peer ?? PeerInfo())
    change(&context)
    return context
  }

  /// Sends a write without waiting for its end.
  func send(
    _ mutations: [Mutation], to node: TestNode, _ context: RequestContext
  ) -> Shared<Result<Void, RegionError>?> {
    let answer = Shared<Result<Void, RegionError>?>()
    guard let store = node.store else { return answer }
    store.router.propose(
      WriteRequest(
        context: context, requests: RequestList(mutations),
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    return answer
  }

  func write(
    _ mutations: [Mutation], to node: TestNode, _ context: RequestContext? = nil
  ) -> Result<Void, RegionError>? {
    let answer = send(mutations, to: node, context ?? self.context(node))
    _ = waitFor(.seconds(5)) { answer.withLock { $0 != nil } }
    return answer.withLock { $0 }
  }

  func put(_ key: String, _ value: String, in cf: DataCF = .default) -> Bool {
    mutate(.put(cf: cf, key: Array(key.utf8), value: Array(value.utf8)))
  }

  /// Puts a value of that many bytes.
  func mutateLarge(_ bytes: Int) -> Bool {
    mutate(.put(cf: .default, key: [1], value: [UInt8](repeating: 1, count: bytes)))
  }

  func delete(_ key: String) -> Bool { mutate(.delete(cf: .default, key: Array(key.utf8))) }

  private func mutate(_ mutation: Mutation) -> Bool {
    for _ in 0..<50 {
      if let leader, case .success = write([mutation], to: leader) { return true }
      run(.milliseconds(100))
    }
    return false
  }

  /// A linearizable read by way of the raft worker of `node`.
  func read(
    _ key: String, from node: TestNode, _ context: RequestContext? = nil
  ) -> Result<String?, RegionError>? {
    let answer = Shared<Result<ReadGrant, RegionError>?>()
    guard let store = node.store else { return nil }
    store.router.read(
      ReadRequest(
        context: context ?? self.context(node),
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    _ = waitFor(.seconds(5)) { answer.withLock { $0 != nil } }
    switch answer.withLock({ $0 }) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let grant):
      let bytes = (try? grant.snapshot.get(.default, Array(key.utf8))) ?? nil
      return .success(bytes.map { String(decoding: $0, as: UTF8.self) })
    }
  }

  /// The value by whoever leads; an error that does not go away is nil.
  func get(_ key: String) -> String? {
    for _ in 0..<50 {
      if let leader, case .success(let value) = read(key, from: leader) { return value }
      run(.milliseconds(100))
    }
    return nil
  }
}
