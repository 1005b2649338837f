/// A node's part in its group. Numbers are etcd's.
package enum Role: UInt8, Sendable, Hashable {
  case follower = 0
  case candidate = 1
  case leader = 2
  case preCandidate = 3
}
