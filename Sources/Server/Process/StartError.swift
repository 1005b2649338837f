/// Why a process cannot start: the cause and a remedy.
package struct StartError: Error, Sendable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
