import Codec
import Engine
import Runtime
import Synchronization
import Testing

@testable import Raftstore

@Suite struct PendingReadsTests {
  /// A peer that takes its leave fails its reads and asks on: the response to a round of before must
  /// not be taken for one to a round that was sent since.
  @Test func roundsAreNotNamedAgain() {
    let answers = Mutex<[RegionError]>([])
    var reads = PendingReads(salt: 1)
    let completion = Completion<Result<ReadGrant, RegionError>>(abandoned: .failure(.staleCommand))
    {
      if case .failure(let error) = $0 { answers.withLock { $0.append(error) } }
    }
    reads.rounds.append(
      PendingReads.Round(
        id: reads.nextID, sentAt: Instant(nanoseconds: 1), leaderTerm: 7,
        requests: [ReadRequest(context: RequestContext(), completion: completion)]))
    reads.nextID += 1
    reads.failAll(.regionNotFound(regionID: 1))
    #expect(answers.withLock { $0 } == [.regionNotFound(regionID: 1)])
    #expect(reads.isEmpty)
    #expect(reads.nextID == 2)
    #expect(reads.takeRounds(confirmedBy: 1).isEmpty)
  }
}
