/// Latches that serialize the write commands of a store by key: a command reads and writes its keys while it holds
/// theirs.
///
/// Keys are named by their hashes. Several hashes share a slot, in which they do not block each other. A command
/// acquires its latches in ascending order and waits for one at a time, so latches cannot deadlock. Commands that want
/// the same key hold it in the order of arrival. Nothing is polled: a release names the commands that go on.
package struct Latches: Sendable {
  /// Names a command; unique among those that hold or wait.
  package typealias CommandID = UInt64

  /// The latches that one command needs, and how many of them it holds.
  package struct Request: Sendable, Hashable {
    /// Ascending, without duplicates.
    package let hashes: [UInt64]
    /// The first `held` of `hashes` are held.
    package fileprivate(set) var held = 0

    /// - Parameter keyHashes: of all keys of the command, in any order.
    package init(_ keyHashes: some Sequence<UInt64>) {
      var hashes = keyHashes.sorted()
      if hashes.count > 1 {
        var kept = 1
        for index in 1..<hashes.count where hashes[index] != hashes[kept - 1] {
          hashes[kept] = hashes[index]
          kept += 1
        }
        hashes.removeSubrange(kept...)
      }
      self.hashes = hashes
    }

    package var isComplete: Bool { held == hashes.count }
  }

  private struct Entry {
    var hash: UInt64
    var command: CommandID
  }

  /// Each in the order of arrival. The first entry of a hash holds its latch.
  private var slots: [[Entry]]

  /// - Parameter slots: a power of two.
  package init(slots: Int = 2048) {
    precondition(slots > 0 && slots & (slots - 1) == 0, "the number of slots is no power of two")
    self.slots = Array(repeating: [], count: slots)
  }

  private func slot(_ hash: UInt64) -> Int { Int(hash & UInt64(slots.count - 1)) }

  /// Acquires latches up to the first that another command holds; there the command waits until a release names it, and
  /// this is called again. True if it holds all.
  package mutating func acquire(_ request: inout Request, for command: CommandID) -> Bool {
    while request.held < request.hashes.count {
      let hash = request.hashes[request.held]
      let slot = slot(hash)
      if let first = slots[slot].first(where: { $0.hash == hash }) {
        if first.command != command {
          let waits = slots[slot].contains { $0.hash == hash && $0.command == command }
          if !waits { slots[slot].append(Entry(hash: hash, command: command)) }
          return false
        }
      } else {
        slots[slot].append(Entry(hash: hash, command: command))
      }
      request.held += 1
    }
    return true
  }

  /// Releases the latches that a command holds. Returns the commands that go on, in the order of their latches.
  ///
  /// - Parameter successor: a command that takes over some of the latches before any that waits for them.
  package mutating func release(
    _ request: Request, of command: CommandID,
    keeping successor: (request: Request, command: CommandID)? = nil
  ) -> (woken: [CommandID], kept: Request?) {
    var woken: [CommandID] = []
    for hash in request.hashes[..<request.held] {
      let slot = slot(hash)
      guard let index = slots[slot].firstIndex(where: { $0.hash == hash && $0.command == command })
      else { preconditionFailure("a command released a latch that it does not hold") }
      if let successor, successor.request.hashes.contains(hash) {
        slots[slot][index].command = successor.command
        continue
      }
      slots[slot].remove(at: index)
      if let next = slots[slot].first(where: { $0.hash == hash }) { woken.append(next.command) }
    }
    var kept = successor?.request
    if let count = kept?.hashes.count { kept?.held = count }
    return (woken, kept)
  }
}
