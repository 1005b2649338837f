import NIOCore

/// What a client opens a call with.
struct RequestHead: Sendable {
  var path: [UInt8]
  var authority: [UInt8]
  var isTLS: Bool
  var timeout: TimeAmount?
  var metadata: RPCMetadata
}
