import Testing

@testable import Server

struct PlacementRouteTests {
  @Test func pathsAreKnown() {
    #expect(PlacementRoute("/pd/api/v1/stores") == .stores)
    #expect(PlacementRoute("/pd/api/v1/store/7") == .store("7"))
    #expect(PlacementRoute("/pd/api/v1/region/id/7") == .regionWithID("7"))
    #expect(PlacementRoute("/pd/api/v1/region/key/%41") == .regionOfKey("%41"))
    #expect(PlacementRoute("/pd/api/v1/regions/store/7") == .regionsOfStore("7"))
    #expect(PlacementRoute("/pd/api/v1/config/rules/group/TiDB") == .rules)
    #expect(PlacementRoute("/pd/api/v2/keyspaces/DEFAULT") == .keyspaces("DEFAULT"))
    #expect(PlacementRoute("/pd/ping") == .ping)
    let unknown = [
      "", "/", "/pd", "/pd/api", "/pd/api/v1", "/pd/api/v1/", "/pd/api/v1/nothing",
      "/pd/api/v1/stores/", "/pd/api/v1/store", "/pd/api/v1/store/", "/pd/api/v3/stores",
      "/api/v1/stores", "/pd/api/v1/region/id/7/x", "//pd/ping", "/pd/ping/x",
    ]
    for path in unknown { #expect(PlacementRoute(path) == nil, "\(path)") }
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

  @Test func valuesAreWrittenAsGoDoes() {
    #expect(PlacementJSON.size(0) == "0B")
    #expect(PlacementJSON.size(1023) == "1023B")
    #expect(PlacementJSON.size(1024) == "1KiB")
    #expect(PlacementJSON.size(1536) == "1.5KiB")
    #expect(PlacementJSON.size(10_485_759_999) == "9.766GiB")
    #expect(PlacementJSON.size(.max) == "16EiB")
    #expect(PlacementJSON.duration(.zero) == "0s")
    #expect(PlacementJSON.duration(.milliseconds(1500)) == "1.5s")
    #expect(PlacementJSON.duration(.seconds(1800)) == "30m0s")
    #expect(PlacementJSON.duration(.seconds(3723)) == "1h2m3s")
    #expect(PlacementJSON.time(secondsSince1970: 0) == "1970-01-01T00:00:00Z")
    #expect(PlacementJSON.time(secondsSince1970: .max).hasPrefix("9999-12-31T"))
    #expect(PlacementJSON.time(secondsSince1970: .min) == "1970-01-01T00:00:00Z")
  }
}
