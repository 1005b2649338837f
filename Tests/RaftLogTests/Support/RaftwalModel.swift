import Raft
import RocksDB

/// The algorithms of dgraph's raftwal on a sorted key space, with their faults: what it stores and what it reads. For one
/// raft id.
struct RaftwalModel {
  /// Where an entry is; the key space is sorted by group, term and index.
  struct Key: Hashable, Comparable {
    var term: UInt64
    var index: UInt64

    static func < (a: Key, b: Key) -> Bool { (a.term, a.index) < (b.term, b.index) }
  }

  /// The entries of one group.
  var entries: [Key: Entry] = [:]

  init() {}

  /// The group's entries in a database of this layout.
  init(of db: DB, id: UInt64, group: UInt32) {
    let iterator = db.iterator(db.families[0])
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      if key.count == 28, key[..<12].elementsEqual(Self.prefix(id, group)),
        let entry = try? Entry(decoding: iterator.value)
      {
        entries[Key(term: Self.number(key[12..<20]), index: Self.number(key[20...]))] = entry
      }
      iterator.next()
    }
  }

  static func prefix(_ id: UInt64, _ group: UInt32) -> [UInt8] {
    bytes(id) + bytes(UInt64(group)).suffix(4)
  }

  static func bytes(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// `Store`: sets the entries and deletes the keys behind the last.
  mutating func store(_ added: [Entry]) {
    for entry in added { entries[Key(term: entry.term, index: entry.index)] = entry }
    guard let last = added.last else { return }
    let end = Key(term: last.term, index: last.index + 1)
    entries = entries.filter { $0.key < end }
  }

  /// `Entries`; nil where its slice arithmetic is out of bounds, which ends the process.
  func read(fromTerm term: UInt64, fromIndex index: UInt64) -> [Entry]? {
    var result: [Entry] = []
    var first: UInt64?
    for key in entries.keys.sorted() where key >= Key(term: term, index: index) {
      guard key.index >= index, let entry = entries[key] else { continue }
      let start = first ?? key.index
      first = start
      guard key.index >= start, key.index - start <= UInt64(result.count) else { return nil }
      result = result.prefix(Int(key.index - start)) + [entry]
    }
    return result
  }
}
