import Client
import FoundationEssentials

/// A JSON value of the placement driver's HTTP API: sent as it is written here, printed as it came.
enum CtlJSON: Codable, Sendable {
  case object([String: CtlJSON])
  case list([CtlJSON])
  case text(String)
  case integer(UInt64)
  case number(Double)
  case flag(Bool)
  case null

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Throws `malformedResponse` for bytes that are not JSON.
  static func parse(_ bytes: [UInt8]) throws(ClientError) -> CtlJSON {
    do {
      return try JSONDecoder().decode(CtlJSON.self, from: Data(bytes))
    } catch {
      throw .malformedResponse("the placement driver's reply is not JSON")
    }
  }

  var bytes: [UInt8] {
    get throws { [UInt8](try JSONEncoder().encode(self)) }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Key.self) {
      var members: [String: CtlJSON] = [:]
      for key in object.allKeys {
        members[key.stringValue] = try object.decode(CtlJSON.self, forKey: key)
      }
      self = .object(members)
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var elements: [CtlJSON] = []
      while !list.isAtEnd { elements.append(try list.decode(CtlJSON.self)) }
      self = .list(elements)
      return
    }
    let single = try decoder.singleValueContainer()
    if single.decodeNil() {
      self = .null
    } else if let flag = try? single.decode(Bool.self) {
      self = .flag(flag)
    } else if let integer = try? single.decode(UInt64.self) {
      self = .integer(integer)
    } else if let number = try? single.decode(Double.self) {
      self = .number(number)
    } else {
      self = .text(try single.decode(String.self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .object(let members):
      var container = encoder.container(keyedBy: Key.self)
      for (name, value) in members {
        try container.encode(value, forKey: Key(stringValue: name))
      }
    case .list(let elements):
      var container = encoder.unkeyedContainer()
      for element in elements { try container.encode(element) }
    case .text(let text): try Self.encode(text, encoder)
    case .integer(let integer): try Self.encode(integer, encoder)
    case .number(let number): try Self.encode(number, encoder)
    case .flag(let flag): try Self.encode(flag, encoder)
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    }
  }

  private static func encode(_ value: some Encodable, _ encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}

extension CtlConnection {
  /// Prints what the placement driver returns for a path below `/pd/api/v1/`: a list of texts as lines, anything else
  /// as JSON.
  func show(_ path: String) async throws {
    try await run { client in
      let reply = try CtlJSON.parse(try await client.cluster.admin.call(.get, path))
      guard !json, case .list(let elements) = reply else { return try CtlOutput.json(reply) }
      for element in elements {
        if case .text(let line) = element { print(line) } else { try CtlOutput.json(element) }
      }
    }
  }

  /// Has the placement driver make a change, and prints its message.
  func change(
    _ method: PDAdminClient.Method, _ path: String, _ body: CtlJSON? = nil
  ) async throws {
    let bytes = try body?.bytes ?? []
    try await run { client in
      let reply = try CtlJSON.parse(try await client.cluster.admin.call(method, path, body: bytes))
      if !json, case .text(let message) = reply { return print(message) }
      try CtlOutput.json(reply)
    }
  }
}
