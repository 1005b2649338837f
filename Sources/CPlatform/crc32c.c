// CRC-32C (Castagnoli, polynomial 1EDC6F41, reflected 82F63B78), as in iSCSI (RFC 3720, appendix B.4): by the
// processor's instruction where it has one, else by eight tables of 256 words ("slicing-by-8", M. Kounavis and
// F. Berry, 2005).
#include "CPlatform.h"

#include <pthread.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define APUS_HWCAP_CRC32 (1 << 7)
#endif

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    tables[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (int table = 1; table < 8; table++) {
      uint32_t before = tables[table - 1][byte];
      tables[table][byte] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
}

uint32_t apus_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&tables_once, fill_tables);
  const unsigned char *at = bytes;
  crc = ~crc;
  while (count >= 8) {
    uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
    crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
          tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
    at += 8;
    count -= 8;
  }
  while (count-- > 0) crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *at, size_t count) {
  unsigned long long wide = (uint32_t)~crc;
  while (count >= 8) {
    unsigned long long word;
    memcpy(&word, at, 8);
    wide = __builtin_ia32_crc32di(wide, word);
    at += 8;
    count -= 8;
  }
  uint32_t narrow = (uint32_t)wide;
  while (count-- > 0) narrow = __builtin_ia32_crc32qi(narrow, *at++);
  return ~narrow;
}

int apus_crc32c_has_instruction(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__)
__attribute__((target("crc"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *at, size_t count) {
  crc = ~crc;
  while (count >= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    crc = __builtin_arm_crc32cd(crc, word);
    at += 8;
    count -= 8;
  }
  while (count-- > 0) crc = __builtin_arm_crc32cb(crc, *at++);
  return ~crc;
}

int apus_crc32c_has_instruction(void) { return (getauxval(AT_HWCAP) & APUS_HWCAP_CRC32) != 0; }
#else
static uint32_t by_instruction(uint32_t crc, const unsigned char *at, size_t count) {
  return apus_crc32c_portable(crc, at, count);
}

int apus_crc32c_has_instruction(void) { return 0; }
#endif

uint32_t apus_crc32c(uint32_t crc, const void *bytes, size_t count) {
  return apus_crc32c_has_instruction() ? by_instruction(crc, bytes, count) : apus_crc32c_portable(crc, bytes, count);
}
