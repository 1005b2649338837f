/// What identifies an entry: no two different entries of one group share it.
struct EntryID: Sendable, Equatable {
  var term: UInt64
  var index: UInt64
}
