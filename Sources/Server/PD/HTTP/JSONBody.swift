import FoundationEssentials
import NIOCore

/// The body of a request: one JSON value of bounded size.
enum JSONBody: Decodable, Sendable, Equatable {
  case object([String: JSONBody])
  case list([JSONBody])
  case text(String)
  case number(Double)
  case integer(UInt64)
  case flag(Bool)
  case null

  struct Malformed: Error, CustomStringConvertible {
    var description: String
  }

  init(_ bytes: ByteBuffer) throws(Malformed) {
    guard bytes.readableBytes > 0 else { throw Malformed(description: "the request has no body") }
    do {
      self = try JSONDecoder().decode(JSONBody.self, from: Data(bytes.readableBytesView))
    } catch {
      throw Malformed(description: "the body is not JSON")
    }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: JSONObject.Key.self) {
      var members: [String: JSONBody] = [:]
      for key in object.allKeys {
        members[key.stringValue] = try object.decode(JSONBody.self, forKey: key)
      }
      self = .object(members)
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var elements: [JSONBody] = []
      while !list.isAtEnd { elements.append(try list.decode(JSONBody.self)) }
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

  /// A member of an object; nil if there is none.
  subscript(name: String) -> JSONBody? {
    if case .object(let members) = self { return members[name] }
    return nil
  }

  /// The members of an object, ascending by name.
  func members() throws(Malformed) -> [(name: String, value: JSONBody)] {
    guard case .object(let members) = self else {
      throw Malformed(description: "expected an object")
    }
    return members.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
  }

  /// The value as text: what a setting or label is set to.
  var plainText: String? {
    switch self {
    case .text(let text): text
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .flag(let flag): "\(flag)"
    case .object, .list, .null: nil
    }
  }

  /// A whole number, also as text or with a decimal point; nil for anything else.
  var whole: UInt64? {
    switch self {
    case .integer(let integer): integer
    case .number(let number): UInt64(exactly: number)
    case .text(let text): UInt64(text)
    default: nil
    }
  }

  var real: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    case .text(let text): Double(text)
    default: nil
    }
  }

  func id(_ name: String) throws(Malformed) -> UInt64 {
    guard let id = self[name]?.whole else {
      throw Malformed(description: "expected a whole number as \(name)")
    }
    return id
  }

  func ids(_ name: String) throws(Malformed) -> [UInt64] {
    guard case .list(let elements)? = self[name] else {
      throw Malformed(description: "expected a list of whole numbers as \(name)")
    }
    var ids: [UInt64] = []
    for element in elements {
      guard let id = element.whole else {
        throw Malformed(description: "expected a list of whole numbers as \(name)")
      }
      ids.append(id)
    }
    return ids
  }

  func number(_ name: String) throws(Malformed) -> Double {
    guard let number = self[name]?.real else {
      throw Malformed(description: "expected a number as \(name)")
    }
    return number
  }

  func text(_ name: String) throws(Malformed) -> String {
    guard case .text(let text)? = self[name] else {
      throw Malformed(description: "expected a text as \(name)")
    }
    return text
  }
}
