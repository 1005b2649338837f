import Runtime
import Synchronization

@testable import Client

/// A clock that only sleeping advances; sleeping takes no real time.
final class ManualTime: Clock {
  private let elapsed = Mutex(Duration.zero)
  let pauses = Mutex<[Duration]>([])

  var now: Instant { Instant(nanoseconds: 1_000_000_000) + elapsed.withLock { $0 } }
  var wallMilliseconds: UInt64 { 0 }

  var time: ClientTime {
    ClientTime(
      clock: self,
      sleep: { pause in
        try Task.checkCancellation()
        self.pauses.withLock { $0.append(pause) }
        self.elapsed.withLock { $0 += pause }
        // A tight loop of calls would keep other tasks from running.
        await Task.yield()
      },
      random: { 0 })
  }

  func takePauses() -> [Duration] {
    pauses.withLock { pauses in
      defer { pauses = [] }
      return pauses
    }
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func texts(_ pairs: [KeyPair]) -> [String] {
  pairs.map {
    $0.value.isEmpty
      ? String(decoding: $0.key, as: UTF8.self)
      : "\(String(decoding: $0.key, as: UTF8.self))=\(String(decoding: $0.value, as: UTF8.self))"
  }
}
