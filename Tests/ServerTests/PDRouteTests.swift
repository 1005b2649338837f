import Codec
import NIOCore
import Testing

@testable import PlacementDriver
@testable import Server

struct PDRouteTests {
  @Test func pathsAreKnown() {
    #expect(PDRoute("/pd/api/v1/stores") == .stores)
    #expect(PDRoute("/pd/api/v1/store/7") == .store("7"))
    #expect(PDRoute("/pd/api/v1/region/id/7") == .regionWithID("7"))
    #expect(PDRoute("/pd/api/v1/region/key/%41") == .regionOfKey("%41"))
    #expect(PDRoute("/pd/api/v1/regions/store/7") == .regionsOfStore("7"))
    #expect(PDRoute("/pd/api/v1/config/rules/group/TiDB") == .rules)
    #expect(PDRoute("/pd/api/v2/keyspaces/DEFAULT") == .keyspaces("DEFAULT"))
    #expect(PDRoute("/pd/ping") == .ping)
    #expect(PDRoute("/pd/api/v1/regions/sibling/7") == .regionSiblings("7"))
    #expect(PDRoute("/pd/api/v1/regions/check/miss-peer") == .regionsChecked("miss-peer"))
    #expect(PDRoute("/pd/api/v1/regions/size") == .regionsRanked("size"))
    #expect(PDRoute("/pd/api/v1/operators/records") == .operatorRecords)
    #expect(PDRoute("/pd/api/v1/operators/7") == .operatorOfRegion("7"))
    #expect(PDRoute("/pd/api/v1/stores/limit") == .storeLimits)
    let unknown = [
      "", "/", "/pd", "/pd/api", "/pd/api/v1", "/pd/api/v1/", "/pd/api/v1/nothing",
      "/pd/api/v1/stores/", "/pd/api/v1/store", "/pd/api/v1/store/", "/pd/api/v3/stores",
      "/api/v1/stores", "/pd/api/v1/region/id/7/x", "//pd/ping", "/pd/ping/x",
    ]
    for path in unknown { #expect(PDRoute(path) == nil, "\(path)") }
  }

  @Test func changesAreKnownByMethodAndPath() {
    func route(_ method: String, _ path: String) -> PDChangeRoute? {
      PDChangeRoute(method, "/pd/api/v1/" + path)
    }
    #expect(route("DELETE", "store/7") == .removeStore("7"))
    #expect(route("DELETE", "store/7/label") == .removeStoreLabel("7"))
    #expect(route("POST", "store/7/label") == .setStoreLabels("7"))
    #expect(route("POST", "store/7/state") == .setStoreState("7"))
    #expect(route("POST", "store/7/weight") == .setStoreWeights("7"))
    #expect(route("POST", "store/7/limit") == .setStoreLimit("7"))
    #expect(route("POST", "stores/limit") == .setStoreLimit(nil))
    #expect(route("DELETE", "stores/remove-tombstone") == .removeTombstones)
    #expect(route("POST", "operators") == .createOperator)
    #expect(route("DELETE", "operators/7") == .cancelOperator("7"))
    #expect(route("POST", "schedulers") == .addScheduler)
    #expect(route("POST", "schedulers/all") == .pauseScheduler("all"))
    #expect(route("DELETE", "schedulers/a-b") == .removeScheduler("a-b"))
    #expect(route("POST", "scheduler-config/evict-leader-scheduler/config") == .addEvictedStore)
    #expect(
      route("DELETE", "scheduler-config/evict-leader-scheduler/delete/7")
        == .removeEvictedStore("7"))
    #expect(route("POST", "regions/scatter") == .scatterRegions)
    for path in ["config", "config/schedule", "config/replicate"] {
      #expect(route("POST", path) == .setConfig)
    }
    let unknown = [
      ("PUT", "config"), ("GET", "operators"), ("POST", "stores"), ("DELETE", "stores"),
      ("DELETE", "store"), ("DELETE", "store/"), ("POST", "store/7"), ("POST", "store/7/x"),
      ("DELETE", "stores/x"), ("POST", ""), ("DELETE", "schedulers"), ("POST", "x"),
    ]
    for (method, path) in unknown { #expect(route(method, path) == nil, "\(method) \(path)") }
    #expect(PDChangeRoute("POST", "/pd/api/v2/config") == nil)
  }

  @Test func bodiesAreReadWhateverTheyHold() throws {
    func body(_ text: String) throws -> JSONBody { try JSONBody(ByteBuffer(string: text)) }
    let object = try body(#"{"a":1,"b":"2","c":3.5,"d":[4,"5"],"e":true,"f":null,"g":{"h":-1}}"#)
    #expect(try object.id("a") == 1 && object.id("b") == 2)
    #expect(try object.ids("d") == [4, 5])
    #expect(try object.number("c") == 3.5 && object.number("a") == 1)
    #expect(try object.text("b") == "2")
    #expect(object["e"]?.plainText == "true" && object["f"] == .null && object["x"] == nil)
    #expect(try object["g"]?.members().map(\.name) == ["h"])
    for name in ["c", "d", "e", "f", "g", "x"] {
      #expect(throws: JSONBody.Malformed.self) { try object.id(name) }
    }
    #expect(throws: JSONBody.Malformed.self) { try object["g"]?.id("h") }
    #expect(throws: JSONBody.Malformed.self) { try body("[1]").members() }
    for text in ["", "{", "{]", "nul", String(repeating: "[", count: 60_000)] {
      #expect(throws: JSONBody.Malformed.self) { try body(text) }
    }
  }

  @Test func queriesAreDecoded() throws {
    let query = try HTTPQuery("key=a%00+b&empty=&flag&limit=3&key=other&%6b=v")
    #expect(query["key"] == Array("a\0 b".utf8))
    #expect(query["empty"] == [] && query.has("flag") && !query.has("none"))
    #expect(query.text("k") == "v")
    #expect(try query.integer("limit", otherwise: 9) == 3)
    #expect(try query.integer("none", otherwise: 9) == 9)
    #expect(throws: HTTPQuery.Malformed.self) { try HTTPQuery("a=%4") }
    #expect(throws: HTTPQuery.Malformed.self) { try HTTPQuery("a=%zz") }
    #expect(throws: HTTPQuery.Malformed.self) {
      try HTTPQuery("limit=99999999999999999999").integer("limit", otherwise: 0)
    }
    #expect(try HTTPQuery("format=hex").key(Array("00fF".utf8)) == [0, 255])
    #expect(throws: HTTPQuery.Malformed.self) { try HTTPQuery("format=hex").key([65]) }
  }

  @Test func rangesRunForward() throws {
    func range(_ text: String) throws -> KeyRange { try HTTPQuery(text).range(from: "key") }
    #expect(try range("") == .all)
    #expect(try range("key=z") == KeyRange(start: Array("z".utf8)))
    #expect(try range("key=a&end_key=z") == KeyRange(start: [0x61], end: [0x7A]))
    #expect(try range("key=7A&end_key=7A&format=hex") == KeyRange(start: [0x7A], end: [0x7A]))
    #expect(throws: HTTPQuery.Malformed.self) { try range("key=z&end_key=a") }
    #expect(throws: HTTPQuery.Malformed.self) { try range("key=7B&end_key=7A&format=hex") }
  }

  @Test func aRegionWithoutALeaderNamesNone() throws {
    let peers = [PeerInfo(id: 3, storeID: 1), PeerInfo(id: 4, storeID: 2)]
    var record = RegionRecord(Region(id: 2, epoch: .initial, peers: peers))
    func page() throws -> String {
      String(buffer: try PDJSON.encode(RegionPage(RegionSummary(record))))
    }
    #expect(try !page().contains("leader"))
    record.leader = peers[1]
    #expect(try page().contains(#""leader":{"id":4,"#))
  }

  @Test func valuesAreWrittenAsGoDoes() {
    #expect(PDJSON.size(0) == "0B")
    #expect(PDJSON.size(1023) == "1023B")
    #expect(PDJSON.size(1024) == "1KiB")
    #expect(PDJSON.size(1536) == "1.5KiB")
    #expect(PDJSON.size(10_485_759_999) == "9.766GiB")
    #expect(PDJSON.size(.max) == "16EiB")
    #expect(PDJSON.duration(.zero) == "0s")
    #expect(PDJSON.duration(.milliseconds(1500)) == "1.5s")
    #expect(PDJSON.duration(.seconds(1800)) == "30m0s")
    #expect(PDJSON.duration(.seconds(3723)) == "1h2m3s")
    #expect(PDJSON.time(secondsSince1970: 0) == "1970-01-01T00:00:00Z")
    #expect(PDJSON.time(secondsSince1970: .max).hasPrefix("9999-12-31T"))
    #expect(PDJSON.time(secondsSince1970: .min) == "1970-01-01T00:00:00Z")
  }
}
