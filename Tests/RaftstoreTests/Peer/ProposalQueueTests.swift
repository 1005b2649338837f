import Codec
import Raft
import Runtime
import Testing

@testable import Raftstore

@Suite struct ProposalQueueTests {
  private func proposal(
    _ index: UInt64, term: UInt64, _ answers: Shared<[String]>
  ) -> Proposal {
    Proposal(
      index: index, term: term, proposedAt: Instant(nanoseconds: 0),
      waiters: .writes([
        Completion(abandoned: .failure(.staleCommand)) { result in
          answers.withLock { $0.append("\(index):\(result)") }
        }
      ]))
  }

  private func entries(_ range: ClosedRange<UInt64>, term: UInt64) -> [Entry] {
    range.map { Entry(term: term, index: $0) }
  }

  @Test func matchesByIndexAndTerm() {
    let answers = Shared<[String]>()
    var queue = ProposalQueue()
    for index in 10...12 { queue.append(proposal(UInt64(index), term: 3, answers)) }
    var taken = queue.take(for: entries(9...10, term: 3))
    #expect(taken.map(\.index) == [10])
    taken += queue.take(for: entries(11...11, term: 4))
    #expect(taken.count == 1)
    #expect(answers.withLock { $0 } == ["11:failure(stale command)"])
    #expect(queue.count == 1)
    queue.failAll(.regionNotFound(regionID: 1))
    for proposal in taken { proposal.fail(.staleCommand) }
    #expect(queue.isEmpty)
    #expect(answers.withLock { $0.count } == 3)
  }

  @Test func aNewTermsProposalReplacesAnOldOnes() {
    let answers = Shared<[String]>()
    var queue = ProposalQueue()
    queue.append(proposal(10, term: 3, answers))
    queue.append(proposal(11, term: 3, answers))
    queue.append(proposal(10, term: 5, answers))
    #expect(queue.count == 1)
    #expect(answers.withLock { $0.count } == 2)
    let taken = queue.take(for: entries(10...10, term: 5))
    #expect(taken.map(\.term) == [5])
    for proposal in taken { proposal.fail(.staleCommand) }
  }

  @Test func whatASnapshotCoversIsStale() {
    let answers = Shared<[String]>()
    var queue = ProposalQueue()
    queue.append(proposal(10, term: 3, answers))
    #expect(queue.take(for: entries(50...51, term: 6)).isEmpty)
    #expect(answers.withLock { $0 } == ["10:failure(stale command)"])
  }
}
