package import Codec
import Engine
import Runtime

/// When regions are compared with their replicas.
package struct ConsistencyConfig: Sendable {
  /// How often a store has one of the regions that it leads checked; 0: only on request. TiKV's default.
  package var interval: Duration = .zero
  /// Bytes that a check reads in a second on each store.
  package var bytesPerSecond: UInt64 = 64 << 20
  /// After this a check ends without the replicas that have not responded.
  package var timeout: Duration = .seconds(300)
  /// Whether stored values may expire. Set from `RaftstoreEnvironment.valueExpiry`.
  var valuesExpire = false
}

/// How a hash is computed: the context of the `computeHash` command, the same for all replicas.
///
/// A store whose values can expire drops expired ones when it compacts, each replica at a time of its own. So pairs
/// that expire before `expiresAfter` are left out, and a replica whose clock has reached that time has no hash.
struct ConsistencyContext: Equatable {
  /// Unix time in seconds; nil where values never expire.
  var expiresAfter: UInt64?

  /// TiKV's method over all pairs.
  private static let raw: UInt8 = 0
  private static let expiring: UInt8 = 0x10

  /// A check that begins now may take this long on every replica, with the difference of their clocks.
  static let margin: UInt64 = 3600

  init(expiresAfter: UInt64?) { self.expiresAfter = expiresAfter }

  /// Nil for a method that this version does not know: it takes no part in the check.
  init?(_ bytes: [UInt8]) {
    switch bytes.first {
    case Self.raw where bytes.count == 1: expiresAfter = nil
    case Self.expiring where bytes.count == 9: expiresAfter = bytes.bigEndian(at: 1)
    default: return nil
    }
  }

  var encoded: [UInt8] {
    guard let expiresAfter else { return [Self.raw] }
    var bytes = [Self.expiring]
    bytes.appendBigEndian(expiresAfter)
    return bytes
  }
}

/// The data of a region as it is behind one log entry, to be hashed.
package struct HashRequest: Sendable {
  package var region: Region
  package var peerID: UInt64
  /// Of the `computeHash` command.
  package var index: UInt64
  var context: ConsistencyContext
}

/// What a replica knows of the last check: its own hash, and the one that is right.
struct HashVerification {
  private var own: (index: UInt64, hash: [UInt8])?
  private var expected: (index: UInt64, hash: [UInt8])?
  /// Hashes of earlier entries are of data that a snapshot has replaced.
  private var firstIndex: UInt64 = 0

  /// Takes note of the own hash. Returns whether it is known to be wrong.
  mutating func computed(_ hash: [UInt8], at index: UInt64) -> Bool {
    guard index >= firstIndex, own.map({ $0.index < index }) ?? true else { return false }
    own = (index, hash)
    return isWrong(at: index)
  }

  /// Takes note of the hash that is right. Returns whether the own one is known to be wrong.
  mutating func verify(_ hash: [UInt8], at index: UInt64) -> Bool {
    guard index >= firstIndex else { return false }
    expected = (index, hash)
    return isWrong(at: index)
  }

  private func isWrong(at index: UInt64) -> Bool {
    guard let own, let expected, own.index == index, expected.index == index else { return false }
    return own.hash != expected.hash
  }

  /// A snapshot up to `index` takes the place of the data.
  mutating func replaced(by index: UInt64) {
    self = HashVerification()
    firstIndex = index + 1
  }
}

/// A check that a leader has begun: the hashes of the replicas at one entry.
struct ConsistencyCheck {
  /// Of the `computeHash` command.
  let index: UInt64
  let term: UInt64
  let context: [UInt8]
  let deadline: Instant
  /// Until then replicas of which nothing is heard are waited for too: those of a hibernated region have just been woken.
  let silenceAllowed: Instant
  var hashes: [UInt64: [UInt8]] = [:]
  /// The majority's hash was proposed.
  var isProposed = false
  var waiters: [Completion<Result<ConsistencyReport, RegionError>>] = []

  /// The hash that a majority of voters has, of both configurations in a joint one; nil while there is none.
  func agreed(_ region: Region) -> [UInt8]? {
    let state = region.confState
    return Set(hashes.values).first { hash in
      [state.voters, state.votersOutgoing].allSatisfy { voters in
        voters.isEmpty || voters.count(where: { hashes[$0] == hash }) > voters.count / 2
      }
    }
  }
}

/// What a check has found.
package struct ConsistencyReport: Sendable, Hashable {
  /// The kinds of findings.
  package enum Verdict: String, Sendable, Hashable {
    case consistent
    /// Its data differs from the majority's: it is replaced.
    case different
    /// It has not responded in time.
    case unknown
    /// No majority of replicas has the same data.
    case undecided
  }

  package var regionID: UInt64
  /// The log index at which the data was compared.
  package var index: UInt64
  /// In the order of the region's peers.
  package var replicas: [Replica]

  /// What a check has found of one replica.
  package struct Replica: Sendable, Hashable {
    package var peer: PeerInfo
    package var verdict: Verdict
  }

  init(_ check: ConsistencyCheck, _ region: Region) {
    regionID = region.id
    index = check.index
    let agreed = check.agreed(region)
    replicas = region.peers.map { peer in
      guard let hash = check.hashes[peer.id] else { return Replica(peer: peer, verdict: .unknown) }
      guard let agreed else { return Replica(peer: peer, verdict: .undecided) }
      return Replica(peer: peer, verdict: hash == agreed ? .consistent : .different)
    }
  }
}
