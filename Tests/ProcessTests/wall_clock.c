// Shifts the wall clock of a process by what the file named by APUS_WALL_CLOCK holds, 8 bytes of
// nanoseconds, at any time: as if somebody had set the machine's clock. Waits with a deadline on that
// clock end when the shifted clock says so, as they do in the kernel.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000;
// A wait looks at the shift this often.
static const int64_t slice = 5000000;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static const volatile int64_t *shift;

static int64_t current_shift(void) { return shift ? *shift : 0; }

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("APUS_WALL_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) shift = memory;
}

static int64_t nanoseconds(const struct timespec *time) {
  return (int64_t)time->tv_sec * second + time->tv_nsec;
}

static struct timespec timespec_of(int64_t nanoseconds) {
  return (struct timespec){.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

static int64_t unshifted(clockid_t clock) {
  struct timespec time;
  if (!real_clock_gettime) begin();
  real_clock_gettime(clock, &time);
  return nanoseconds(&time);
}

static int64_t wall(void) { return unshifted(CLOCK_REALTIME) + current_shift(); }

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    *time = timespec_of(wall());
    return 0;
  }
  if (!real_clock_gettime) begin();
  return real_clock_gettime(clock, time);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  int64_t now = wall();
  time->tv_sec = now / second;
  time->tv_usec = now % second / 1000;
  return 0;
}

time_t time(time_t *result) {
  time_t now = wall() / second;
  if (result) *result = now;
  return now;
}

// The next moment, of the clock that is not shifted, at which to look again; 0 if the deadline is over.
static int64_t next_look(const struct timespec *deadline) {
  int64_t left = nanoseconds(deadline) - wall();
  if (left <= 0) return 0;
  return unshifted(CLOCK_MONOTONIC) + (left < slice ? left : slice);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
  for (;;) {
    if (sem_trywait(semaphore) == 0) return 0;
    int64_t until = next_look(deadline);
    if (until == 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    struct timespec time = timespec_of(until);
    if (sem_clockwait(semaphore, CLOCK_MONOTONIC, &time) == 0) return 0;
    if (errno != ETIMEDOUT) return -1;
  }
}

static int wait_on_wall_clock(
    pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
  int64_t until = next_look(deadline);
  if (until == 0) return ETIMEDOUT;
  struct timespec time = timespec_of(until);
  int result = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &time);
  // A wake-up without a cause, which every waiter must expect, makes it look at its condition.
  return result == ETIMEDOUT ? 0 : result;
}

int pthread_cond_timedwait(
    pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
    const struct timespec *restrict deadline) {
  // How glibc remembers that the condition variable was made for the monotonic clock.
  if (condition->__data.__wrefs & 2)
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, deadline);
  return wait_on_wall_clock(condition, mutex, deadline);
}
