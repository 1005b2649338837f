/// What happened in a run, in order: always as a hash, on demand also as lines.
///
/// Two runs of one seed have the same hash, on any machine and in any build: whatever goes in is made of
/// names, numbers and virtual time, never of addresses or of the order of a hash table.
package struct Trace {
  /// FNV-1a (Fowler, Noll, Vo), 64 bits.
  package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  package private(set) var count = 0
  /// The last lines, oldest first.
  private var tail: [String] = []
  private let tailLength: Int
  private let print: ((String) -> Void)?

  /// - Parameters:
  ///   - tailLength: lines kept for the report of a failure.
  ///   - print: takes every line as it comes.
  package init(tailLength: Int = 200, print: ((String) -> Void)? = nil) {
    self.tailLength = tailLength
    self.print = print
  }
}
