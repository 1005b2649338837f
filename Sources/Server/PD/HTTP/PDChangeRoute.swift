/// What a request that is not a read asks for, by its method and path.
enum PDChangeRoute: Equatable {
  case removeStore(String)
  case setStoreState(String)
  case setStoreLabels(String)
  case removeStoreLabel(String)
  case setStoreWeights(String)
  /// Of all stores where there is no id.
  case setStoreLimit(String?)
  case removeTombstones
  case createOperator
  case cancelOperator(String)
  case scatterRegions
  case addScheduler
  case pauseScheduler(String)
  case removeScheduler(String)
  /// A store of the scheduler that evicts leaders.
  case addEvictedStore
  case removeEvictedStore(String)
  case setConfig
  case removeFailedStores

  /// Nil for what is not served.
  init?(_ method: String, _ path: String) {
    let prefix = "/pd/api/v1/"
    guard path.hasPrefix(prefix) else { return nil }
    let parts = path.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
      .map(String.init)
    guard let last = parts.last, !last.isEmpty else { return nil }
    let route: PDChangeRoute?
    switch method {
    case "POST": route = Self.post(parts, last)
    case "DELETE": route = Self.delete(parts, last)
    default: route = nil
    }
    guard let route else { return nil }
    self = route
  }

  private static func post(_ parts: [String], _ last: String) -> PDChangeRoute? {
    switch parts.joined(separator: "/") {
    case "stores/limit": return .setStoreLimit(nil)
    case "operators": return .createOperator
    case "regions/scatter": return .scatterRegions
    case "schedulers": return .addScheduler
    case "scheduler-config/evict-leader-scheduler/config": return .addEvictedStore
    case "config", "config/schedule", "config/replicate": return .setConfig
    case "admin/unsafe/remove-failed-stores": return .removeFailedStores
    default: break
    }
    switch (parts.count, parts[0]) {
    case (2, "schedulers"): return .pauseScheduler(last)
    case (3, "store"):
      switch last {
      case "state": return .setStoreState(parts[1])
      case "label": return .setStoreLabels(parts[1])
      case "weight": return .setStoreWeights(parts[1])
      case "limit": return .setStoreLimit(parts[1])
      default: return nil
      }
    default: return nil
    }
  }

  private static func delete(_ parts: [String], _ last: String) -> PDChangeRoute? {
    switch (parts.count, parts.dropLast().joined(separator: "/")) {
    case (2, "stores") where last == "remove-tombstone": return .removeTombstones
    case (2, "store"): return .removeStore(last)
    case (3, _) where parts[0] == "store" && last == "label": return .removeStoreLabel(parts[1])
    case (2, "operators"): return .cancelOperator(last)
    case (2, "schedulers"): return .removeScheduler(last)
    case (4, "scheduler-config/evict-leader-scheduler/delete"): return .removeEvictedStore(last)
    default: return nil
    }
  }
}
