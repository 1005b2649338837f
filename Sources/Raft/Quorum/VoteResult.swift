/// How an election stands.
package enum VoteResult: UInt8, Sendable, Hashable {
  case pending = 1
  case lost = 2
  case won = 3
}
