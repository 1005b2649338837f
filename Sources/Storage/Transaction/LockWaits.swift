import Codec
import Runtime
import Synchronization
import Transaction

/// The pessimistic lock requests of a store that wait for locks of other transactions. Any thread may call.
///
/// A request is inserted while its command holds the latch of the key, and a lock is released under that latch. So no
/// release is missed. A lock that is removed without its latch, by another leader or with a range, wakes nobody: the
/// request times out, and its client tries again.
final class LockWaits: Sendable {
  typealias Token = UInt64

  /// A request that waits.
  struct Request: Sendable {
    var key: MVCCKey
    /// Of the encoded key.
    var keyHash: UInt64
    var primary: [UInt8]
    var startTS: Timestamp
    var mode: LockWaitQueue.WakeUpMode
    /// Whether the transaction holds no lock, so that it cannot be part of a deadlock.
    var isFirstLock: Bool
    var timeout: Duration
    /// Ends the request. Called at most once, on any thread.
    var fail: @Sendable (TransactionFailure) -> Void
    /// Executes the request again, which is then not queued. `end` or `waitAgain` must follow.
    var resume: @Sendable (Token, CommandLatches.Held?) -> Void
  }

  /// A request that is to be executed again.
  struct Resumed: Sendable {
    var keyHash: UInt64
    /// Receives the latch of the key if the caller holds it.
    var resume: @Sendable (CommandLatches.Held?) -> Void
  }

  fileprivate struct Waiter {
    var request: Request
    /// The lock for which it waits.
    var holder: LockInfo
    /// When another transaction took the lock while it waited.
    var updatedAt: Instant?
    var timer: (any Cancellable)?
    /// What the detector knows of it.
    var detected: WaitEdge?
    /// What has woken it last.
    var release: LockWaitQueue.Release?
    /// Whether it is in the queue of its key. Otherwise it is executed again.
    var isQueued = true
    /// Whether its time passed while it was executed again.
    var isTimedOut = false

    /// Nil if there is nothing to compare.
    var edge: WaitEdge? {
      guard !request.isFirstLock, request.startTS != holder.lock.startTS else { return nil }
      return WaitEdge(
        transaction: request.startTS, holder: holder.lock.startTS, keyHash: request.keyHash,
        key: request.key.user)
    }
  }

  fileprivate struct State {
    var queues = LockWaitQueues()
    var waiters: [Token: Waiter] = [:]
    var nextToken: Token = 1
    /// The number of the delayed wake-up that counts, by encoded key.
    var delays: [[UInt8]: UInt64] = [:]
    var nextDelay: UInt64 = 1
  }

  private let state = Mutex(State())
  /// The number of waiters, so that releases without any need no lock. Changes under the lock of `state`.
  private let count = Atomic(0)
  private let host: any WorkerHost
  private let detection: any DeadlockDetection
  private let maxCount: Int
  private let wakeUpDelay: Duration

  init(_ host: any WorkerHost, _ detection: any DeadlockDetection, _ limits: TransactionLimits) {
    self.host = host
    self.detection = detection
    maxCount = limits.waitingRequests
    wakeUpDelay = limits.wakeUpDelay
  }

  /// What the requests wait for.
  var edges: [WaitEdge] {
    state.withLock { state in
      state.waiters.values.map {
        WaitEdge(
          transaction: $0.request.startTS, holder: $0.holder.lock.startTS,
          keyHash: $0.request.keyHash, key: $0.request.key.user)
      }
    }
  }

  // MARK: The beginning

  /// Lets a request wait for a lock. The caller holds the latch of the key. False if too many wait.
  func wait(_ request: Request, for holder: LockInfo) -> Bool {
    let waiter = Waiter(request: request, holder: holder)
    let token = state.withLock { state -> Token? in
      guard state.waiters.count < maxCount else { return nil }
      let token = state.nextToken
      state.nextToken += 1
      state.waiters[token] = waiter
      count.store(state.waiters.count, ordering: .sequentiallyConsistent)
      state.enqueue(token, request)
      return token
    }
    guard let token else { return false }
    let timer = host.after(request.timeout) { [self] in timeOut(token) }
    let isWaiting = state.withLock { state in
      state.waiters[token]?.timer = timer
      return state.waiters[token] != nil
    }
    if !isWaiting { timer.cancel() }
    if let edge = waiter.edge { detect(edge, token) }
    return true
  }

  /// Lets a request that was resumed wait again, until its first time is over. The caller holds the latch of the key.
  func waitAgain(_ token: Token, for holder: LockInfo) {
    let outcome = state.withLock { state -> (expired: Waiter?, edge: WaitEdge?) in
      guard var waiter = state.waiters[token] else { return (nil, nil) }
      waiter.holder = holder
      waiter.updatedAt = host.clock.now
      if waiter.isTimedOut { return (remove(token, from: &state) ?? waiter, nil) }
      waiter.isQueued = true
      state.waiters[token] = waiter
      state.enqueue(token, waiter.request)
      return (nil, waiter.edge)
    }
    if let waiter = outcome.expired { failByTimeout(waiter, holder) }
    if let edge = outcome.edge { detect(edge, token) }
  }

  private func detect(_ edge: WaitEdge, _ token: Token) {
    let isWaiting = state.withLock { state in
      state.waiters[token]?.detected = edge
      return state.waiters[token] != nil
    }
    guard isWaiting else { return }
    detection.detect(edge) { [self] deadlock in
      let waiter = state.withLock { state -> Waiter? in
        guard let waiter = state.waiters[token], waiter.isQueued, waiter.edge == edge else {
          return nil
        }
        _ = state.queues.remove(token: token, on: waiter.request.key.encoded)
        return remove(token, from: &state)
      }
      guard let waiter else { return }
      waiter.timer?.cancel()
      waiter.request.fail(.transaction(.deadlock(deadlock)))
    }
  }

  // MARK: The end

  /// A request that was resumed has ended.
  ///
  /// - Parameter isLocked: whether it has the lock. If not, the next request is woken in its place.
  func end(_ token: Token, isLocked: Bool) {
    guard let waiter = state.withLock({ remove(token, from: &$0) }) else { return }
    forget(waiter)
    guard !isLocked, let release = waiter.release else { return }
    released(waiter.request.key.encoded, release)?.resume(nil)
  }

  private func timeOut(_ token: Token) {
    let waiter = state.withLock { state -> Waiter? in
      guard let waiter = state.waiters[token] else { return nil }
      guard waiter.isQueued else {
        state.waiters[token]?.isTimedOut = true
        return nil
      }
      _ = state.queues.remove(token: token, on: waiter.request.key.encoded)
      return remove(token, from: &state)
    }
    if let waiter { failByTimeout(waiter, waiter.holder) }
  }

  private func failByTimeout(_ waiter: Waiter, _ holder: LockInfo) {
    forget(waiter)
    let sinceUpdate = waiter.updatedAt.map {
      max(1, UInt64(clamping: (host.clock.now - $0).asNanoseconds / 1_000_000))
    }
    waiter.request.fail(.lockWaitTimeout(holder, sinceUpdateMs: sinceUpdate ?? 0))
  }

  private func remove(_ token: Token, from state: inout State) -> Waiter? {
    let waiter = state.waiters.removeValue(forKey: token)
    count.store(state.waiters.count, ordering: .sequentiallyConsistent)
    return waiter
  }

  private func forget(_ waiter: Waiter) {
    waiter.timer?.cancel()
    if let edge = waiter.detected { detection.removeWait(edge) }
  }

  // MARK: Locks

  /// Locks were removed by a command that holds their latches. Wakes the first request of each.
  ///
  /// - Returns: the requests that take the lock themselves.
  func released(_ locks: [ReleasedLock]) -> [Resumed] {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return [] }
    return locks.compactMap {
      released(
        $0.encodedKey, LockWaitQueue.Release(startTS: $0.startTS, commitTS: $0.commitTS))
    }
  }

  private func released(
    _ encodedKey: [UInt8], _ release: LockWaitQueue.Release
  ) -> Resumed? {
    let (woken, delay) = state.withLock { state -> (Woken?, UInt64?) in
      guard let (waiter, delay) = state.queues.release(release, on: encodedKey) else {
        return (nil, nil)
      }
      let number = delay == .none ? nil : state.startDelay(encodedKey)
      return (take(waiter, from: &state), number)
    }
    if let delay { wakeLater(encodedKey, delay) }
    return woken.flatMap { wake($0, release) }
  }

  /// A request that was taken out of its queue.
  private struct Woken {
    var token: Token
    var waiter: Waiter
  }

  private func take(_ waiter: LockWaitQueue.Waiter, from state: inout State) -> Woken? {
    guard let found = state.waiters[waiter.token] else { return nil }
    if waiter.mode == .forceLock {
      state.waiters[waiter.token]?.isQueued = false
      state.waiters[waiter.token]?.detected = nil
    } else {
      _ = remove(waiter.token, from: &state)
    }
    return Woken(token: waiter.token, waiter: found)
  }

  private func wake(_ woken: Woken, _ release: LockWaitQueue.Release) -> Resumed? {
    let request = woken.waiter.request
    if request.mode == .forceLock {
      state.withLock { $0.waiters[woken.token]?.release = release }
      if let edge = woken.waiter.detected { detection.removeWait(edge) }
      return Resumed(keyHash: request.keyHash) { request.resume(woken.token, $0) }
    }
    forget(woken.waiter)
    request.fail(
      .transaction(
        .writeConflict(
          WriteConflict(
            startTS: request.startTS, conflictTS: release.startTS,
            conflictCommitTS: release.commitTS, key: request.key.user, primary: request.primary,
            reason: .pessimisticRetry))))
    return nil
  }

  /// The client of a request that was woken to retry can be slow or gone: the others go on after a while.
  private func wakeLater(_ encodedKey: [UInt8], _ number: UInt64) {
    _ = host.after(wakeUpDelay) { [self] in
      let (woken, release) = state.withLock { state -> ([Woken], LockWaitQueue.Release?) in
        guard state.delays[encodedKey] == number else { return ([], nil) }
        state.delays[encodedKey] = nil
        let passed = state.queues.delayPassed(on: encodedKey)
        return (passed.waiters.compactMap { take($0, from: &state) }, passed.release)
      }
      guard let release else { return }
      for one in woken { wake(one, release)?.resume(nil) }
    }
  }

  /// Locks were set on keys that had none of the transaction.
  func locked(_ locks: [LockInfo]) {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
    for holder in locks {
      let key = MVCCKey(holder.key).encoded
      let changed = state.withLock { state in
        state.queues.waiters(key).compactMap { queued -> (Token, old: WaitEdge?, new: WaitEdge?)? in
          guard var waiter = state.waiters[queued.token] else { return nil }
          waiter.holder = holder
          waiter.updatedAt = host.clock.now
          state.waiters[queued.token] = waiter
          // Those that are woken to retry begin a new wait afterwards.
          return queued.mode == .forceLock ? (queued.token, waiter.detected, waiter.edge) : nil
        }
      }
      for (token, old, new) in changed where old != new {
        if let old { detection.removeWait(old) }
        if let new { detect(new, token) }
      }
    }
  }
}

extension LockWaits.State {
  fileprivate mutating func enqueue(_ token: UInt64, _ request: LockWaits.Request) {
    queues.insert(
      LockWaitQueue.Waiter(startTS: request.startTS, mode: request.mode, token: token),
      on: request.key.encoded)
  }

  /// Replaces an earlier delay of the key.
  fileprivate mutating func startDelay(_ encodedKey: [UInt8]) -> UInt64 {
    defer { nextDelay += 1 }
    delays[encodedKey] = nextDelay
    return nextDelay
  }
}
