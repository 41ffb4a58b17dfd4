#include "process_signals.h"

#include <csignal>
#include <cstdint>
#include <vector>

#include "arguments.h"

namespace dnd::bindings {

#ifdef _WIN32

/// There are no dispositions to restore: the console ends a process that does not answer.
void end_at_second_signal(const Napi::CallbackInfo&) {}

#else

namespace {

/// What Node had installed: its handler only tells the event loop. A disposition is of the whole process, and so is this.
struct sigaction forwarded[NSIG];
bool guarded[NSIG];

/// Node's own listeners can take themselves off only once the JavaScript thread is free, and a regular expression may keep
/// it busy for ever. So the default is restored here, on the first signal's arrival, for all of them: the next one ends
/// the process whatever it does. Only calls that are safe within a signal handler.
void on_first_signal(int number) {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int each = 1; each < NSIG; ++each) {
    if (guarded[each]) sigaction(each, &by_default, nullptr);
  }
  forwarded[number].sa_handler(number);
}

void guard(int number) {
  struct sigaction current {};
  if (guarded[number] || sigaction(number, nullptr, &current) != 0) return;
  // There is nothing of Node's, or something that takes more than a number.
  if (current.sa_handler == SIG_DFL || current.sa_handler == SIG_IGN || (current.sa_flags & SA_SIGINFO) != 0) return;
  forwarded[number] = current;
  guarded[number] = true;
  current.sa_handler = on_first_signal;
  sigaction(number, &current, nullptr);
}

void release(int number) {
  struct sigaction current {};
  guarded[number] = false;
  if (sigaction(number, nullptr, &current) != 0 || current.sa_handler != on_first_signal) return;
  sigaction(number, &forwarded[number], nullptr);
}

}  // namespace

void end_at_second_signal(const Napi::CallbackInfo& info) {
  for (int each = 1; each < NSIG; ++each) {
    if (guarded[each]) release(each);
  }
  for (const int64_t number : Argument(info, 0, "endAtSecondSignal", "numbers").positive_integers()) {
    if (number < NSIG) guard(int(number));
  }
}

#endif

}  // namespace dnd::bindings
