import Codec
import NIOCore
import RPC
import SwiftProtobuf
import Testing
import Wire

/// Which requests are decoded.
struct RequestLimitTests {
  private func isTaken<Request: Message & Equatable>(_ request: Request) throws -> Bool {
    let bytes = try MessageCoding.encode(request)
    do throws(RPCStatus) {
      return try MessageCoding.decode(bytes) == request
    } catch {
      #expect(error.code == .resourceExhausted)
      return false
    }
  }

  /// As messages, these bytes would have hundreds of thousands of fields.
  @Test("Byte fields may have any content", arguments: [UInt8(0), 0x0a, 0x12, UInt8(ascii: "x")])
  func byteFields(byte: UInt8) throws {
    let bytes = [UInt8](repeating: byte, count: 3 << 20).data
    #expect(try isTaken(Pdpb_GetRegionRequest.with { $0.regionKey = bytes }))
    #expect(try isTaken(Kvrpcpb_RawPutRequest.with { $0.key = bytes }))
    let batch = Kvrpcpb_RawBatchPutRequest.with {
      $0.pairs = [.with { $0.value = bytes }, .with { $0.key = bytes }]
    }
    #expect(try isTaken(batch))
    #expect(
      try isTaken(Tikvpb_BatchCommandsRequest.Request.with { $0.rawBatchPut = batch }))
  }

  @Test("Text fields may have any content")
  func textFields() throws {
    let text = String(repeating: "x", count: 600_000)
    #expect(try isTaken(Pdpb_PutStoreRequest.with { $0.store.address = text }))
    #expect(try isTaken(Pdpb_PutStoreRequest.with { $0.store.version = text }))
  }

  @Test("Lists are limited")
  func lists() throws {
    let count = 300_000
    let few = Kvrpcpb_RawBatchPutRequest.with { $0.pairs = .init(repeating: .init(), count: 1000) }
    #expect(try isTaken(few))
    let pairs = Kvrpcpb_RawBatchPutRequest.with {
      $0.pairs = .init(repeating: .init(), count: count)
    }
    #expect(try !isTaken(pairs))
    #expect(try !isTaken(Tikvpb_BatchCommandsRequest.Request.with { $0.rawBatchPut = pairs }))
    #expect(
      try !isTaken(
        Tikvpb_BatchCommandsRequest.Request.with {
          $0.rawBatchGet.keys = .init(repeating: .init(), count: count)
        }))
    let heartbeat = Pdpb_RegionHeartbeatRequest.with {
      $0.region.peers = .init(repeating: .init(), count: count)
    }
    #expect(try !isTaken(heartbeat))
  }

  /// One byte on the wire is eight in memory, and a moment of the event loop.
  @Test("Packed numbers and text are limited")
  func packedNumbers() throws {
    #expect(
      try !isTaken(
        Kvrpcpb_RawGetRequest.with {
          $0.context.resolvedLocks = .init(repeating: 1, count: 300_000)
        }))
    #expect(
      try !isTaken(
        Kvrpcpb_RawGetRequest.with {
          $0.context.requestSource = String(repeating: "é", count: 600_000)
        }))
  }
}
