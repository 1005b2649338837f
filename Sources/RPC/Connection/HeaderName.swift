/// The headers gRPC gives a meaning, distinguished by length first.
enum HeaderName {
  case path, method, status, contentType, timeout, encoding, acceptEncoding, grpcStatus
  case grpcMessage
  /// Of interest to HTTP only.
  case transport
  /// The application's.
  case other

  init(_ name: Span<UInt8>) {
    switch name.count {
    case 2: self = Self.equal(name, "te") ? .transport : .other
    case 5: self = Self.equal(name, ":path") ? .path : .other
    case 7:
      if Self.equal(name, ":method") {
        self = .method
      } else if Self.equal(name, ":status") {
        self = .status
      } else {
        self = Self.equal(name, ":scheme") ? .transport : .other
      }
    case 10:
      self = Self.equal(name, ":authority") || Self.equal(name, "user-agent") ? .transport : .other
    case 11: self = Self.equal(name, "grpc-status") ? .grpcStatus : .other
    case 12:
      if Self.equal(name, "content-type") {
        self = .contentType
      } else if Self.equal(name, "grpc-timeout") {
        self = .timeout
      } else {
        self = Self.equal(name, "grpc-message") ? .grpcMessage : .other
      }
    case 13: self = Self.equal(name, "grpc-encoding") ? .encoding : .other
    case 14: self = Self.equal(name, "content-length") ? .transport : .other
    case 15: self = Self.equal(name, "accept-encoding") ? .transport : .other
    case 20: self = Self.equal(name, "grpc-accept-encoding") ? .acceptEncoding : .other
    default: self = .other
    }
  }

  static func isPost(_ value: Span<UInt8>) -> Bool { equal(value, "POST") }

  static func isIdentity(_ value: Span<UInt8>) -> Bool { equal(value, "identity") }

  static func isGzip(_ value: Span<UInt8>) -> Bool { equal(value, "gzip") }

  /// `application/grpc`, alone or followed by `+codec` or `;parameters`.
  static func isGRPC(_ value: Span<UInt8>) -> Bool {
    let name: StaticString = "application/grpc"
    let length = name.utf8CodeUnitCount
    guard value.count >= length, equal(value.extracting(first: length), name) else { return false }
    guard value.count > length else { return true }
    return value[length] == UInt8(ascii: "+") || value[length] == UInt8(ascii: ";")
  }

  private static func equal(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    // A literal's bytes are static and of the length just compared.
    let literal = UnsafeBufferPointer(start: text.utf8Start, count: bytes.count)
    for index in bytes.indices where bytes[index] != literal[index] { return false }
    return true
  }
}

/// Header bytes as text; bytes that are not UTF-8 are replaced.
func text(_ bytes: Span<UInt8>) -> String {
  String(decoding: bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
}
