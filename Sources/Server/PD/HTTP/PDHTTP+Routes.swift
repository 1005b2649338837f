import Codec
import NIOCore
import PlacementDriver
import RPC

extension PDHTTP {
  func serve(_ route: PDRoute, _ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    switch route {
    case .ping: done(HTTPReply(code: 200, contentType: HTTPReply.plain, body: ByteBuffer()))
    case .metrics:
      run(done) { [metrics] in
        done(
          HTTPReply(
            contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: ByteBuffer(string: metrics.text())))
      }
    case .version, .status, .health, .members, .leader, .cluster, .clusterStatus:
      serveCluster(route, done)
    case .config, .scheduleConfig, .replicationConfig, .clusterVersion, .rules, .regionLabels:
      serveConfig(route, done)
    case .stores: stores(query, done)
    case .store(let id): store(id, done)
    case .regionWithID(let id): region(id: id, done)
    case .regionOfKey(let key): region(key: key, query, done)
    case .regions, .regionsByKey, .regionCount, .regionsOfStore, .regionStatistics,
      .regionSiblings, .regionsChecked, .regionsRanked:
      serveRegions(route, query, done)
    case .operators: operators(query, done)
    case .operatorRecords: operatorRecords(query, done)
    case .operatorOfRegion(let id): operatorOf(id, done)
    case .schedulers: schedulers(query, done)
    case .evictedStores: evictedStores(done)
    case .storeLimits: storeLimits(done)
    case .hotRegions(let kind): hotRegions(kind, done)
    case .hotStores: hotStores(done)
    case .safePoints:
      call({ core, _ in core.safePointSummary }, done) { .json(200, SafePointsPage($0)) }
    case .minResolvedTS(let store): minResolvedTS(store, done)
    case .recovery: serveRecovery(done)
    case .keyspaces: done(.text(404, "404 page not found"))
    }
  }

  // MARK: The cluster

  private func serveCluster(_ route: PDRoute, _ done: @escaping HTTPService.Done) {
    let startedAt = startedAt
    call({ core, _ in core.summary }, done) { summary in
      switch route {
      case .version: return .json(200, ["version": "v" + summary.version])
      case .status:
        return .json(
          200,
          JSONObject([
            ("build_ts", ""), ("version", "v" + summary.version), ("git_hash", ""),
            ("start_timestamp", startedAt), ("kernel_type", "Classic"),
          ]))
      case .health: return .json(200, [HealthPage(summary)])
      case .members: return .json(200, MembersPage(summary))
      case .leader: return .json(200, MemberPage(summary))
      case .cluster:
        return .json(
          200, JSONObject([("id", summary.clusterID), ("max_peer_count", summary.maxReplicas)]))
      default:
        return .json(
          200,
          JSONObject([
            ("is_initialized", summary.isBootstrapped), ("replication_status", ""),
          ]))
      }
    }
  }

  private func serveConfig(_ route: PDRoute, _ done: @escaping HTTPService.Done) {
    call({ core, _ in (core.summary, core.settings) }, done) { summary, settings in
      switch route {
      case .config: .json(200, ConfigPage(summary, settings))
      case .scheduleConfig: .json(200, ScheduleConfigPage(settings))
      case .replicationConfig: .json(200, ReplicationConfigPage(settings))
      case .clusterVersion: .json(200, summary.version)
      case .regionLabels: .json(200, [String]())
      default: .json(412, "placement rules feature is disabled")
      }
    }
  }

  // MARK: Stores

  /// Without `state`, all but tombstones; with it, those in one of its states by number or name.
  private func stores(_ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    var wanted: Set<StoreInfo.State> = [.up, .offline]
    if let text = query.text("state"), !text.isEmpty {
      let named = StoreInfo.State.allCases.first {
        "\($0.rawValue)" == text || "\($0)" == text.lowercased()
      }
      guard let named else { return done(.json(400, "unknown StoreState: \(text)")) }
      wanted = [named]
    }
    callCluster(
      { [wanted] core, reading in
        core.storeSummaries(reading).filter { wanted.contains($0.info.state) }
      }, done
    ) { .json(200, StoresPage($0)) }
  }

  private func store(_ text: String, _ done: @escaping HTTPService.Done) {
    let id: UInt64
    do throws(HTTPQuery.Malformed) {
      id = try HTTPQuery.id(text)
    } catch {
      return done(.json(400, error.description))
    }
    callCluster(
      { core, reading in
        core.storeSummaries(reading).first { $0.info.id == id }
      }, done
    ) { summary in
      guard let summary else {
        return .json(404, "[PD:core:ErrStoreNotFound]store \(id) not found")
      }
      return .json(200, StorePage(summary))
    }
  }

  /// It is 0 as long as it is not known. Nothing is persisted, which the interval says.
  private func minResolvedTS(_ store: String?, _ done: @escaping HTTPService.Done) {
    let id: UInt64?
    do throws(HTTPQuery.Malformed) {
      id = try store.map { (text) throws(HTTPQuery.Malformed) in try HTTPQuery.id(text) }
    } catch {
      return done(.json(400, error.description))
    }
    callCluster(
      { (core, _) throws(PDError) in try core.minResolvedTS(storeID: id) }, done
    ) { timestamp in
      .json(
        200,
        JSONObject([
          ("is_real_time", true), ("min_resolved_ts", timestamp), ("persist_interval", "0s"),
        ]))
    }
  }

  // MARK: Regions

  private func serveRegions(
    _ route: PDRoute, _ query: HTTPQuery, _ done: @escaping HTTPService.Done
  ) {
    do throws(HTTPQuery.Malformed) {
      switch route {
      case .regions:
        regions(in: .all, limit: try query.integer("limit", otherwise: 0), done)
      case .regionsByKey:
        let range = try query.range(from: "key")
        let asked = try query.integer("limit", otherwise: Self.scanLimits.usual)
        regions(
          in: range, limit: asked <= 0 ? Self.scanLimits.most : min(asked, Self.scanLimits.most),
          done)
      case .regionsOfStore(let text):
        regions(in: .all, limit: 0, ofStore: try HTTPQuery.id(text), done)
      case .regionStatistics: regionStatistics(query, done)
      case .regionSiblings(let text): regionSiblings(try HTTPQuery.id(text), done)
      case .regionsChecked(let name): regionsChecked(name, done)
      case .regionsRanked(let name):
        regionsRanked(name, limit: try query.integer("limit", otherwise: 16), done)
      default:
        callCluster({ core, _ in core.summary.regionCount }, done) { count in
          .json(200, JSONObject([("count", count), ("regions", [String]())]))
        }
      }
    } catch {
      done(.json(400, error.description))
    }
  }

  // MARK: Keyspaces

  /// There is the default keyspace only, and none can be made.
  func keyspaces(_ rest: String, _ request: HTTPRequest, _ done: @escaping HTTPService.Done) {
    guard request.isRead else { return done(.json(500, "keyspace manager is not initialized")) }
    let parts = rest.split(separator: "/").map(String.init)
    let isDefault =
      parts == ["DEFAULT"] || parts.count == 2 && parts[0] == "id" && parts[1] == "0"
    let keyspace = JSONObject([
      ("id", 0), ("name", "DEFAULT"), ("state", "ENABLED"), ("created_at", 0),
      ("state_changed_at", 0),
    ])
    callCluster({ _, _ in true }, done) { _ in
      if parts.isEmpty {
        return .json(200, JSONObject([("keyspaces", [keyspace]), ("next_page_token", "")]))
      }
      if isDefault { return .json(200, keyspace) }
      return .json(500, "[PD:keyspace:ErrKeyspaceNotFound]keyspace does not exist")
    }
  }
}
