#ifndef APUS_ALLOCATIONS_H
#define APUS_ALLOCATIONS_H

#include <stdint.h>

// How often this process has asked for memory.
uint64_t apus_allocations(void);

#endif
