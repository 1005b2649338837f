/// Headers of a call beyond those that gRPC itself uses, in the order they came.
package struct RPCMetadata: Sendable, Equatable {
  /// One header field, its name in lower case.
  package struct Entry: Sendable, Equatable {
    package var name: String
    package var value: String
  }

  package var entries: [Entry]

  package init() { entries = [] }

  package init(_ pairs: [(String, String)]) {
    entries = pairs.map { Entry(name: $0.0, value: $0.1) }
  }

  package var isEmpty: Bool { entries.isEmpty }

  /// The first value under `name` (lower case, as HTTP/2 has it).
  package subscript(_ name: String) -> String? {
    entries.first { $0.name == name }?.value
  }

  package mutating func append(_ name: String, _ value: String) {
    entries.append(Entry(name: name, value: value))
  }
}
