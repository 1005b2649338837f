import NIOCore
import PlacementDriver
import RPC

// What runs: operators and schedulers.
extension PDHTTP {
  /// The running operators, those of one kind if the request names it.
  func operators(_ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    let kind = query.text("kind") ?? ""
    guard ["", "admin", "leader", "region", "waiting"].contains(kind) else {
      return done(.json(400, "unknown operator kind \(kind)"))
    }
    call({ core, reading in core.operatorSummaries(reading) }, done) { all in
      // An operator begins at once or not at all: none waits.
      let wanted = all.filter {
        kind.isEmpty || $0.kind.split(separator: ",").contains { $0 == kind }
      }
      return .json(200, wanted.map(OperatorText.line))
    }
  }

  /// The operators that ended since the time of the request, which is in seconds since 1970.
  func operatorRecords(_ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    let from: Int
    do throws(HTTPQuery.Malformed) {
      from = try query.integer("from", otherwise: 0)
    } catch {
      return done(.json(400, error.description))
    }
    let since = UInt64(clamping: from).multipliedReportingOverflow(by: 1000)
    call(
      { core, reading in
        core.operatorHistory(since: since.overflow ? .max : since.partialValue, reading)
      }, done
    ) { .json(200, $0.map(OperatorText.record)) }
  }

  func operatorOf(_ text: String, _ done: @escaping HTTPService.Done) {
    let id: UInt64
    do throws(HTTPQuery.Malformed) {
      id = try HTTPQuery.id(text)
    } catch {
      return done(.json(400, error.description))
    }
    call({ core, reading in core.operatorSummary(regionID: id, reading) }, done) { summary in
      guard let summary else { return .json(500, "operator not found") }
      return .json(200, OperatorText.status(summary))
    }
  }

  /// Names of schedulers: of all, of those that are paused, or of those that are disabled by configuration (none).
  func schedulers(_ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    let status = query.text("status") ?? ""
    guard ["", "paused", "disabled"].contains(status) else {
      return done(.json(400, "unknown scheduler status \(status)"))
    }
    call({ core, reading in core.schedulerSummaries(reading) }, done) { all in
      let wanted = all.filter {
        switch status {
        case "paused": $0.isPaused
        case "disabled": false
        default: true
        }
      }
      return .json(200, wanted.map(\.scheduler.rawValue))
    }
  }

  /// The stores whose leaders are evicted, each with the whole key space.
  func evictedStores(_ done: @escaping HTTPService.Done) {
    call({ core, reading in core.schedulerSummaries(reading) }, done) { all in
      guard let evicting = all.first(where: { $0.scheduler == .evictLeader }) else {
        return .json(404, "[PD:scheduler:ErrSchedulerNotFound]scheduler not found")
      }
      let range = [JSONObject([("start-key", ""), ("end-key", "")])]
      let stores = evicting.state.stores.map { ("\($0)", range) }
      return .json(200, JSONObject([("store-id-ranges", JSONObject(stores))]))
    }
  }

  /// The rates at which stores get and lose peers.
  func storeLimits(_ done: @escaping HTTPService.Done) {
    callCluster({ core, reading in core.storeSummaries(reading) }, done) { stores in
      .json(
        200,
        JSONObject(
          stores.filter { $0.status != .tombstone }.map { store in
            (
              "\(store.info.id)",
              JSONObject([("add-peer", store.addLimit), ("remove-peer", store.removeLimit)])
            )
          }))
    }
  }
}
