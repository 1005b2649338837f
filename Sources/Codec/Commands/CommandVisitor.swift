/// Who wants to hear what is in a log entry, in its order and without copies being made.
///
/// Spans are the entry's own memory and end with the call.
package protocol CommandVisitor {
  /// Comes first. On `false` nothing further of the entry is read.
  mutating func begin(_ header: CommandHeader) -> Bool
  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan)
  mutating func delete(_ cf: DataCF, _ key: RawSpan)
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool)
  mutating func admin(_ command: AdminCommand)
}
