/// One step of a data-driven file: a command with its arguments, its input and the output it must
/// produce.
struct TraceDirective: Sendable {
  struct Argument: Sendable, Equatable {
    var key: String
    var values: [String] = []
  }

  var command: String
  var arguments: [Argument] = []
  var input = ""
  /// Ends in a newline unless it is empty.
  var expected = ""
  /// Line of the directive, and first line of the expected output; from 1.
  var line: Int
  var expectedLine = 0

  /// Arguments without values: node numbers and the like.
  var bareArguments: [String] { arguments.filter { $0.values.isEmpty }.map(\.key) }

  func values(of key: String) -> [String]? {
    arguments.first { $0.key == key && !$0.values.isEmpty }?.values
  }
}

/// What is wrong with a directive or its execution; its text is part of the compared output.
struct TraceError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) {
    self.description = description
  }
}
