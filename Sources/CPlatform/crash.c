// The last thing a process does when it crashes. Everything called here is safe in a signal handler:
// no allocation, no stdio, no lock. backtrace() takes the dynamic loader's lock, which a crash inside
// the loader could hold; the alarm ends the process then.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// Those that Swift's runtime handles itself.
static const int fatal_signals[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
static const size_t fatal_count = sizeof fatal_signals / sizeof fatal_signals[0];

enum { max_frames = 64, max_seconds = 1 };

static void put(const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t count = write(STDERR_FILENO, text, left);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text += count;
    left -= (size_t)count;
  }
}

static void bound_time(void) {
  sigset_t alarm_only;
  signal(SIGALRM, SIG_DFL);
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
  alarm(max_seconds);
}

static void crashed(int number) {
  // A second crash, of this thread or of another, ends the process at once.
  for (size_t at = 0; at < fatal_count; at++) signal(fatal_signals[at], SIG_DFL);
  bound_time();
  char name[16] = "?";
  prctl(PR_GET_NAME, name);
  const char *signal_name = sigabbrev_np(number);
  put("apus: crashed: SIG");
  put(signal_name ? signal_name : "?");
  put(" in thread ");
  put(name);
  put("\n");
  void *frames[max_frames];
  int count = backtrace(frames, max_frames);
  // The first is this function.
  if (count > 1) backtrace_symbols_fd(frames + 1, count - 1, STDERR_FILENO);
  // Takes effect when this handler returns, in the place where the crash was.
  raise(number);
}

void apus_report_crashes(void) {
  // The first call loads the unwinder, which allocates: not in a handler.
  void *frame;
  backtrace(&frame, 1);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = crashed;
  sigemptyset(&action.sa_mask);
  // Without SA_ONSTACK: a thread whose stack is used up is ended by the kernel, with the process, at once.
  for (size_t at = 0; at < fatal_count; at++) sigaction(fatal_signals[at], &action, NULL);
}
