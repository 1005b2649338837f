// What the system and the processor offer and Swift does not: GNU extensions, a signal handler that may not be
// written in Swift, and the CRC instruction.
#ifndef APUS_PLATFORM_H
#define APUS_PLATFORM_H

#include <semaphore.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

// sem_clockwait on CLOCK_MONOTONIC: waits until `deadline` of that clock. 0, or -1 with errno.
int apus_sem_wait_until(sem_t *semaphore, const struct timespec *deadline);

// Has the spawned process close all descriptors from `lowest` on. 0 or an error number.
int apus_spawn_close_from(posix_spawn_file_actions_t *actions, int lowest);

// From now on a fatal signal (SIGILL of a Swift trap, SIGSEGV, SIGABRT, ...) writes the signal, the
// thread's name and the stack's addresses to standard error and then has its default effect.
void apus_report_crashes(void);

// CRC-32C of `count` bytes, continued from `crc`; 0 at the start. The first uses the processor's instruction where
// there is one, the second never does.
uint32_t apus_crc32c(uint32_t crc, const void *bytes, size_t count);
uint32_t apus_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

// Whether `apus_crc32c` uses an instruction of the processor.
int apus_crc32c_has_instruction(void);

#endif
