import CPlatform
import Glibc

/// A binary semaphore: any number of rings wake one wait.
///
/// Safety of `@unchecked Sendable`: the semaphore's memory is allocated once, never moves, is freed
/// only in `deinit`, and POSIX allows `sem_post`/`sem_wait` on it from any thread.
package final class Doorbell: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  package init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Wakes the waiter, or lets its next wait return at once.
  package func ring() {
    sem_post(semaphore)
  }

  /// Blocks until rung. Rings that came in the meantime count as one.
  package func wait() {
    while sem_wait(semaphore) != 0 && errno == EINTR {}
    absorb()
  }

  /// Blocks until rung or until `limit` has passed, by a clock that no one sets: a deadline on the wall
  /// clock would be an hour late when that is set back by an hour. A limit above a day counts as a day.
  package func wait(atMost limit: Duration) {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    let nanoseconds = min(max(0, limit.asNanoseconds), Self.longest) + Int64(deadline.tv_nsec)
    deadline.tv_sec += Int(nanoseconds / 1_000_000_000)
    deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
    while apus_sem_wait_until(semaphore, &deadline) != 0 && errno == EINTR {}
    absorb()
  }

  private static let longest: Int64 = 86_400 * 1_000_000_000

  private func absorb() {
    while sem_trywait(semaphore) == 0 {}
  }
}
