import Codec
import RPC
import Wire

@testable import Client

extension FakeStore {
  /// Compare-and-swap, TTL and checksums. The checksum of a pair is the first byte of its key: this shows which pairs
  /// were combined.
  func addUpdates(_ router: inout MethodRouter) {
    serve(&router, { (request: Kvrpcpb_RawCASRequest) in [[UInt8](request.key)] }) {
      request, _, model in
      let key = [UInt8](request.key)
      let previous = model.data[key]
      let expected = request.previousNotExist ? nil : [UInt8](request.previousValue)
      var response = Kvrpcpb_RawCASResponse()
      response.succeed = previous == expected
      if let previous {
        response.previousValue = previous.data
      } else {
        response.previousNotExist = true
      }
      if response.succeed { model.data[key] = request.delete ? nil : [UInt8](request.value) }
      return response
    }
    serve(&router, { (request: Kvrpcpb_RawGetKeyTTLRequest) in [[UInt8](request.key)] }) {
      request, _, model in
      var response = Kvrpcpb_RawGetKeyTTLResponse()
      response.ttl = 42
      response.notFound = model.data[[UInt8](request.key)] == nil
      return response
    }
    serve(&router, { (_: Kvrpcpb_RawChecksumRequest) in [] }) { request, region, model in
      var response = Kvrpcpb_RawChecksumResponse()
      for wire in request.ranges {
        let range = KeyRange(start: [UInt8](wire.startKey), end: [UInt8](wire.endKey))
          .intersect(region.range)
        for (key, value) in model.data where range.contains(key) {
          response.checksum ^= UInt64(key.first ?? 0)
          response.totalKvs += 1
          response.totalBytes += UInt64(key.count + value.count)
        }
      }
      return response
    }
  }
}

extension Kvrpcpb_RawCASResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawGetKeyTTLResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawChecksumResponse: FakeStore.Fillable {}
