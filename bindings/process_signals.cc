#include "process_signals.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <vector>

#include "arguments.h"

namespace dnd::bindings {

#ifdef _WIN32

/// Windows has no signal dispositions; the console ends an unresponsive process.
void end_at_second_signal(const Napi::CallbackInfo&) {}

#else

namespace {

/// Node's handlers, which only notify the event loop. Dispositions are per process, and so is this.
struct sigaction forwarded[NSIG];
bool guarded[NSIG];
std::atomic<bool> first_arrived{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// JavaScript listeners cannot remove themselves while the JavaScript thread is busy, which a regular expression can
/// make forever. So the first signal restores the default action of all signals here, and the next ends the process. Two
/// that arrive at once may be handled on two threads: the later of them is raised again, and pending until this returns.
/// Async-signal-safe calls only.
void on_first_signal(int number) {
  const bool is_first = !first_arrived.exchange(true);
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int each = 1; each < NSIG; ++each) {
    if (guarded[each]) sigaction(each, &by_default, nullptr);
  }
  if (is_first) {
    forwarded[number].sa_handler(number);
  } else {
    raise(number);
  }
}

void guard(int number) {
  struct sigaction current {};
  if (guarded[number] || sigaction(number, nullptr, &current) != 0) return;
  // Not a handler of Node's, or one with another signature.
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
  first_arrived = false;
  for (const int64_t number : Argument(info, 0, "endAtSecondSignal", "numbers").positive_integers()) {
    if (number < NSIG) guard(int(number));
  }
}

#endif

}  // namespace dnd::bindings
