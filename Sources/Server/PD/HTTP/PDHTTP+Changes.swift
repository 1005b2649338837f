import Codec
import NIOCore
import PlacementDriver
import RPC

// Changes over HTTP: paths, bodies and messages are those of PD. Each is done when its reply is sent.
extension PDHTTP {
  /// A change that was read from its request: what PD is to do, and the message of success.
  struct Change: Sendable {
    var message: String
    var body: @Sendable (PDCore, ClockReading) throws(PDError) -> Void
  }

  func serve(
    _ route: PDChangeRoute, _ request: HTTPRequest, _ done: @escaping HTTPService.Done
  ) {
    let change: Change
    do {
      change = try self.change(route, request)
    } catch {
      return done(.json(400, "\(error)"))
    }
    pd.call { (core, reading) throws(PDError) in
      try core.requireBootstrapped()
      try change.body(core, reading)
    } _: { result in
      switch result {
      case .success: done(.json(200, change.message))
      case .failure(let error): done(HTTPReply(change: error))
      }
    }
  }

  private func change(_ route: PDChangeRoute, _ request: HTTPRequest) throws -> Change {
    switch route {
    case .removeStore, .setStoreState, .setStoreLabels, .removeStoreLabel, .setStoreWeights,
      .setStoreLimit, .removeTombstones:
      try storeChange(route, request)
    case .createOperator, .cancelOperator, .scatterRegions: try operatorChange(route, request)
    case .addScheduler, .pauseScheduler, .removeScheduler, .addEvictedStore, .removeEvictedStore:
      try schedulerChange(route, request)
    case .setConfig: try settingChange(try JSONBody(request.body))
    case .removeFailedStores: try recoveryChange(try JSONBody(request.body))
    }
  }

  // MARK: Stores

  private func storeChange(_ route: PDChangeRoute, _ request: HTTPRequest) throws -> Change {
    switch route {
    case .removeStore(let text):
      let id = try HTTPQuery.id(text)
      let isDestroyed = try HTTPQuery(request.query).has("force")
      return Change(message: "The store is set as Offline.") { (core, reading) throws(PDError) in
        try core.removeStore(id, isDestroyed: isDestroyed, reading)
      }
    case .setStoreState(let text):
      let id = try HTTPQuery.id(text)
      let state = try HTTPQuery(request.query).text("state") ?? ""
      guard state == "Up" || state == "Offline" else {
        throw JSONBody.Malformed(description: "invalid state \(state)")
      }
      return Change(message: "The store's state is updated.") { (core, reading) throws(PDError) in
        if state == "Up" { return try core.keepStore(id, reading) }
        try core.removeStore(id, isDestroyed: false, reading)
      }
    case .setStoreLabels(let text):
      let id = try HTTPQuery.id(text)
      let labels = try labels(JSONBody(request.body))
      let isWhole = try HTTPQuery(request.query).has("force")
      return Change(message: "The store's label is updated.") { (core, _) throws(PDError) in
        try core.setLabels(id, labels, isWhole: isWhole)
      }
    case .removeStoreLabel(let text):
      let id = try HTTPQuery.id(text)
      guard case .text(let key) = try JSONBody(request.body) else {
        throw JSONBody.Malformed(description: "expected the label's name")
      }
      return Change(message: "The label \(key) is deleted.") { (core, _) throws(PDError) in
        try core.removeLabel(id, key)
      }
    case .setStoreWeights(let text):
      let id = try HTTPQuery.id(text)
      let body = try JSONBody(request.body)
      let (leader, region) = (try body.number("leader"), try body.number("region"))
      return Change(message: "The store's weight is updated.") { (core, _) throws(PDError) in
        try core.setWeights(id, leader: leader, region: region)
      }
    case .setStoreLimit(let text):
      let id = try text.map { try HTTPQuery.id($0) }
      let body = try JSONBody(request.body)
      let rate = try body.number("rate")
      let type = body["type"] == nil ? nil : try body.text("type")
      return Change(message: "The store's limit is updated.") { (core, _) throws(PDError) in
        try core.setLimit(id, rate: rate, direction: type)
      }
    default:
      return Change(message: "Remove tombstone successfully.") { (core, _) throws(PDError) in
        _ = try core.removeTombstones()
      }
    }
  }

  private func labels(_ body: JSONBody) throws -> [StoreInfo.Label] {
    try body.members().map { name, value in
      guard let text = value.plainText else {
        throw JSONBody.Malformed(description: "expected a text as label \(name)")
      }
      return StoreInfo.Label(key: name, value: text)
    }
  }

  // MARK: Operators

  private func operatorChange(_ route: PDChangeRoute, _ request: HTTPRequest) throws -> Change {
    if case .cancelOperator(let text) = route {
      let id = try HTTPQuery.id(text)
      return Change(message: "The pending operator is canceled.") {
        (core, reading) throws(PDError) in try core.cancelOperator(regionID: id, reading)
      }
    }
    let body = try JSONBody(request.body)
    let name = route == .scatterRegions ? "scatter-regions" : try body.text("name")
    let message = "The operator is created."
    if name == "scatter-region" || name == "scatter-regions" {
      let ids =
        try name == "scatter-region"
        ? [body.id("region_id")]
        : body.ids(
          body["region_ids"] == nil ? "regions_id" : "region_ids")
      let group = body["group"]?.plainText ?? ""
      return Change(message: message) { (core, reading) throws(PDError) in
        let unknown = try core.scatterRegions(ids, group: group, reading)
        guard let first = unknown.first else { return }
        throw PDError(.notFound, "region \(first) not found")
      }
    }
    let region = try body.id(name == "merge-region" ? "source_region_id" : "region_id")
    let operation: OperatorRequest.Change =
      switch name {
      case "transfer-leader": .transferLeader(store: try body.id("to_store_id"))
      case "transfer-region": .transferRegion(stores: try body.ids("to_store_ids"))
      case "transfer-peer":
        .transferPeer(from: try body.id("from_store_id"), to: try body.id("to_store_id"))
      case "add-peer": .addPeer(store: try body.id("store_id"))
      case "remove-peer": .removePeer(store: try body.id("store_id"))
      case "merge-region": .merge(region: try body.id("target_region_id"))
      case "split-region": .split(keys: try splitKeys(body))
      default: throw JSONBody.Malformed(description: "unknown operator \(name)")
      }
    return Change(message: message) { (core, reading) throws(PDError) in
      try core.createOperator(OperatorRequest(regionID: region, operation), reading)
    }
  }

  /// The keys of a split, which are written in hexadecimal. Both policies without keys split in the middle.
  private func splitKeys(_ body: JSONBody) throws -> [[UInt8]] {
    let policy = try body.text("policy")
    guard ["scan", "approximate", "usekey"].contains(policy) else {
      throw JSONBody.Malformed(description: "unknown split policy \(policy)")
    }
    guard policy == "usekey" else { return [] }
    guard case .list(let elements)? = body["keys"], !elements.isEmpty else {
      throw JSONBody.Malformed(description: "expected a list of keys")
    }
    return try elements.map { element in
      guard let text = element.plainText else {
        throw JSONBody.Malformed(description: "expected keys in hexadecimal")
      }
      return try HTTPQuery.unhex(Array(text.utf8))
    }
  }

  // MARK: Schedulers

  private func schedulerChange(_ route: PDChangeRoute, _ request: HTTPRequest) throws -> Change {
    switch route {
    case .removeScheduler(let name):
      return Change(message: "The scheduler is removed.") { (core, _) throws(PDError) in
        try core.removeScheduler(name)
      }
    case .removeEvictedStore(let text):
      let id = try HTTPQuery.id(text)
      return Change(message: "The store is removed.") { (core, _) throws(PDError) in
        try core.removeScheduler(Scheduler.evictLeader.rawValue, store: id)
      }
    case .pauseScheduler(let name):
      let delay = try JSONBody(request.body).id("delay")
      return Change(message: "Pause or resume the scheduler successfully.") {
        (core, reading) throws(PDError) in
        try core.pauseScheduler(name, seconds: delay, reading)
      }
    default:
      let body = try JSONBody(request.body)
      let name = route == .addScheduler ? try body.text("name") : Scheduler.evictLeader.rawValue
      let store = body["store_id"] == nil ? nil : try body.id("store_id")
      return Change(message: "The scheduler is created.") { (core, _) throws(PDError) in
        try core.addScheduler(name, store: store)
      }
    }
  }

  // MARK: Settings

  private func settingChange(_ body: JSONBody) throws -> Change {
    var settings: [(name: String, value: String)] = []
    for (name, value) in try body.members() {
      // A section may be an object of its own.
      if case .object = value {
        for (inner, innerValue) in try value.members() {
          settings.append((name: inner, value: try text(inner, innerValue)))
        }
      } else {
        settings.append((name: name, value: try text(name, value)))
      }
    }
    return Change(message: "The config is updated.") { [settings] (core, _) throws(PDError) in
      try core.set(settings)
    }
  }

  private func text(_ name: String, _ value: JSONBody) throws -> String {
    if case .list(let elements) = value {
      return elements.compactMap(\.plainText).joined(separator: ",")
    }
    guard let text = value.plainText else {
      throw JSONBody.Malformed(description: "expected a value of \(name)")
    }
    return text
  }
}

extension HTTPReply {
  /// A change that was not made.
  init(change error: PDError) {
    let code: Int =
      switch error.code {
      case .notFound: 404
      case .invalidArgument, .failedPrecondition: 400
      case .unavailable: 503
      default: 500
      }
    if error.refusal == .notBootstrapped {
      self = PDHTTP.notBootstrapped
    } else {
      self = .json(error.refusal == nil ? code : 400, error.message)
    }
  }
}
