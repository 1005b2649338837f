/// Why a process cannot start, for the person who started it: what is wrong and what helps.
package struct StartError: Error, Sendable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
