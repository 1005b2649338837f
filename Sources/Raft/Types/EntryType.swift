/// What the bytes of an entry mean. Numbers are etcd's.
package enum EntryType: UInt8, Sendable, Hashable {
  case normal = 0
  case confChange = 1
  case confChangeV2 = 2
}
