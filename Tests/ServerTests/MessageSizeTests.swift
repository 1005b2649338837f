import RPC
import Raftstore
import Testing

@testable import Server

/// What stores send fits into what stores take.
struct MessageSizeTests {
  @Test func everyMessageOfASettledSizeFits() {
    for size in MessageSizes.fixed {
      #expect(size + MessageSizes.overhead <= MessageSizes.receiveLimit)
    }
    #expect(NodeConfiguration().problem() == nil)
  }

  @Test func anEntryThatNoMessageHoldsIsRefusedAtStart() throws {
    let limit = UInt64(MessageSizes.largestEntry)
    for size in [limit + 1, UInt64(MessageSizes.receiveLimit), 1 << 32, 1 << 63, .max] {
      var configuration = NodeConfiguration()
      configuration.raftstore.maxUncommittedBytes = .max
      configuration.raftstore.maxEntrySize = size
      let problem = try #require(configuration.problem())
      #expect(problem.contains("raft-entry-max-size must be at most \(limit) bytes"))
    }
    var configuration = NodeConfiguration()
    configuration.raftstore.maxEntrySize = limit
    #expect(configuration.problem() == nil)
  }

  @Test func messagesOfSmallEntriesAreBoundedToo() {
    var configuration = NodeConfiguration()
    configuration.raftstore.maxInflightBytes = .max
    configuration.raftstore.maxSizePerMessage = UInt64(MessageSizes.receiveLimit)
    #expect(configuration.problem()?.contains("raft-max-size-per-msg") == true)
  }

  @Test func anEntryFitsIntoWhatMayBeUncommittedAndInFlight() {
    var raftstore = RaftstoreConfig()
    raftstore.maxUncommittedBytes = raftstore.maxEntrySize - 1
    #expect(raftstore.problem()?.contains("raft-entry-max-size") == true)
    raftstore = RaftstoreConfig()
    raftstore.maxInflightBytes = raftstore.maxSizePerMessage - 1
    #expect(raftstore.problem()?.contains("raft-max-size-per-msg") == true)
  }
}
