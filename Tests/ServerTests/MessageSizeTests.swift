import RPC
import Raftstore
import Testing

@testable import Server

/// What stores send fits into what stores take.
struct MessageSizeTests {
  @Test("Fixed limits are below the limit of receivers")
  func fixedLimits() {
    for size in MessageSizes.fixed {
      #expect(size + MessageSizes.overhead <= MessageSizes.receiveLimit)
    }
    #expect(NodeConfiguration().problem() == nil)
  }

  @Test("A larger entry limit than a message can have is refused")
  func largestEntry() throws {
    let limit = UInt64(MessageSizes.largestEntry)
    for size in [limit + 1, UInt64(MessageSizes.receiveLimit), 1 << 32, 1 << 63, .max] {
      var configuration = NodeConfiguration()
      configuration.raftstore.memory.maxUncommittedBytes = .max
      configuration.raftstore.maxEntrySize = size
      let problem = try #require(configuration.problem())
      #expect(problem.contains("raft-entry-max-size must be at most \(limit) bytes"))
    }
    var configuration = NodeConfiguration()
    configuration.raftstore.maxEntrySize = limit
    #expect(configuration.problem() == nil)
  }

  @Test("A larger message limit is refused")
  func maxSizePerMessage() {
    var configuration = NodeConfiguration()
    configuration.raftstore.memory.maxInflightBytes = .max
    configuration.raftstore.maxSizePerMessage = UInt64(MessageSizes.receiveLimit)
    #expect(configuration.problem()?.contains("raft-max-size-per-msg") == true)
  }

  @Test("The largest entry is within the limits of uncommitted entries")
  func uncommittedLimits() {
    var raftstore = RaftstoreConfig()
    raftstore.memory.maxUncommittedBytes = raftstore.maxEntrySize - 1
    #expect(raftstore.problem()?.contains("raft-entry-max-size") == true)
    raftstore = RaftstoreConfig()
    raftstore.memory.maxInflightBytes = raftstore.maxSizePerMessage - 1
    #expect(raftstore.problem()?.contains("raft-max-size-per-msg") == true)
  }
}
