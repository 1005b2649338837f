// Makes every sync fail once the file named by APUS_FAIL_SYNC exists: a disk that lost its write cache.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
  const char *trigger = getenv("APUS_FAIL_SYNC");
  return trigger && access(trigger, F_OK) == 0;
}

static int (*next(const char *name))(int) {
  return (int (*)(int))dlsym(RTLD_NEXT, name);
}

int fdatasync(int file) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return next("fdatasync")(file);
}

int fsync(int file) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return next("fsync")(file);
}
