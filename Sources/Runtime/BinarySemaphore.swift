import CPlatform
import Glibc

/// A binary semaphore for one waiting thread: signals before a wait count as one.
///
/// Safety of `@unchecked Sendable`: the semaphore's memory is allocated once, never moves, is freed
/// only in `deinit`, and POSIX allows `sem_post`/`sem_wait` on it from any thread.
package final class BinarySemaphore: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  package init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Wakes the waiting thread, or lets its next wait return at once. Any thread may call.
  package func signal() {
    sem_post(semaphore)
  }

  /// Blocks until signaled, and clears all signals.
  package func wait() {
    while sem_wait(semaphore) != 0 && errno == EINTR {}
    clear()
  }

  /// Blocks until signaled or until `limit` has passed on the monotonic clock, and clears all signals. A
  /// deadline on the wall clock would be an hour late after that clock is set back by an hour. A limit above a
  /// day counts as a day.
  package func wait(atMost limit: Duration) {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    let wait = min(max(0, limit.asNanoseconds), Self.maxNanoseconds)
    let nanoseconds = wait + Int64(deadline.tv_nsec)
    deadline.tv_sec += Int(nanoseconds / 1_000_000_000)
    deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
    while apus_sem_wait_until(semaphore, &deadline) != 0 && errno == EINTR {}
    clear()
  }

  private static let maxNanoseconds: Int64 = 86_400 * 1_000_000_000

  private func clear() {
    while sem_trywait(semaphore) == 0 {}
  }
}
