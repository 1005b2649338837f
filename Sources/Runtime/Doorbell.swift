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

  /// Blocks until rung or until `limit` has passed.
  package func wait(atMost limit: Duration) {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    let (seconds, attoseconds) = limit.components
    deadline.tv_sec += Int(seconds)
    deadline.tv_nsec += Int(attoseconds / 1_000_000_000)
    if deadline.tv_nsec >= 1_000_000_000 {
      deadline.tv_nsec -= 1_000_000_000
      deadline.tv_sec += 1
    }
    while sem_timedwait(semaphore, &deadline) != 0 && errno == EINTR {}
    absorb()
  }

  private func absorb() {
    while sem_trywait(semaphore) == 0 {}
  }
}
