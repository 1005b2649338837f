// What the system offers and Swift's Glibc module does not: GNU extensions, and a signal handler that
// may not be written in Swift.
#ifndef APUS_PLATFORM_H
#define APUS_PLATFORM_H

#include <semaphore.h>
#include <spawn.h>
#include <time.h>

// sem_clockwait on CLOCK_MONOTONIC: waits until `deadline` of that clock. 0, or -1 with errno.
int apus_sem_wait_until(sem_t *semaphore, const struct timespec *deadline);

// Has the spawned process close all descriptors from `lowest` on. 0 or an error number.
int apus_spawn_close_from(posix_spawn_file_actions_t *actions, int lowest);

// From now on a fatal signal (SIGILL of a Swift trap, SIGSEGV, SIGABRT, ...) writes the signal, the
// thread's name and the stack's addresses to standard error and then has its default effect.
void apus_report_crashes(void);

#endif
