import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// Many users of the same snapshots at once, on threads of their own.
struct SnapshotConcurrencyTests {
  @Test(arguments: SnapshotBackend.allCases)
  func buildersSendersAndCollectorsDoNotDisturbEachOther(_ backend: SnapshotBackend) async throws {
    let fixture = try SnapshotFixture(backend, hasFaults: false)
    try fixture.fill(100)
    let manager = fixture.manager
    let request = fixture.request()
    let whole = try RaftSnapshotData(decoding: manager.generate(request).data).fileSize
    let sent = try await withThrowingTaskGroup(of: Int.self) { group in
      for user in 0..<6 {
        group.addTask {
          var sent = 0
          for round in 0..<40 {
            do throws(SnapshotError) {
              let key = try manager.generate(request).key
              // Not each time: all others may have ended before this user's first round.
              if user == 5, round.isMultiple(of: 2) { try manager.delete(key, .generated) }
              let source = try manager.beginSending(key)
              var bytes: UInt64 = 0
              while true {
                let piece = try source.read(upTo: 512)
                if piece.isEmpty { break }
                bytes += UInt64(piece.count)
              }
              #expect(bytes == whole)
              source.finish(succeeded: round % 2 == 0)
              sent += 1
            } catch {
              // Files in use, or gone again, are all that may be in the way.
              switch error {
              case .busy, .inProgress, .notFound: break
              default: Issue.record("\(error)")
              }
            }
          }
          return sent
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sent > 0)
    let left = manager.statistics
    #expect(left.generating == 0 && left.sending == 0)
    for idle in try manager.idle() { try manager.delete(idle.key, idle.origin) }
    #expect(try fixture.names == [])
    #expect(manager.statistics == SnapshotStatistics())
  }
}
