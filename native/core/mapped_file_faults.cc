#include "core/mapped_file_faults.h"

#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#include <sys/mman.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

namespace dnd {
namespace {

/// Plain atomics without destructors: a fault may come while the process ends.
struct Slot {
  std::atomic<uintptr_t> begin{0}, end{0};  ///< 0, 0: free
  std::atomic<bool> faulted{false};
};

std::array<Slot, 256> slots;
/// Guards everything below, and taking and freeing a slot; the handler itself takes no lock.
std::mutex changes;
int in_use = 0;
struct sigaction previous;
std::atomic<uintptr_t> page_size{0};

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  // The instruction is repeated, and the default action ends the process.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &action, nullptr);
}

/// By the system call itself where that is possible: what a library does around it may not be allowed in a handler, and
/// ThreadSanitizer takes the mapping for a write that races with the reads which it lets go on.
bool put_zeros(uintptr_t begin, uintptr_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
#if defined(__linux__)
  return syscall(SYS_mmap, begin, bytes, PROT_READ, kFlags, -1, 0) == static_cast<long>(begin);
#else
  return mmap(reinterpret_cast<void*>(begin), bytes, PROT_READ, kFlags, -1, 0) != MAP_FAILED;
#endif
}

/// Only loads, stores and one system call.
void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Slot& slot : slots) {
    const uintptr_t begin = slot.begin.load(), end = slot.end.load();
    if (address < begin || address >= end) continue;
    const uintptr_t page = address / page_size * page_size;
    // All to the end: where a file was cut, none of it is there.
    if (!put_zeros(page, end - page)) break;
    slot.faulted = true;
    return;
  }
  pass_on(signal, info, context);
}

bool install() {
  page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous) == 0;
}

/// Unless someone has installed another handler since, which may call ours.
void uninstall() {
  struct sigaction current;
  if (sigaction(SIGBUS, nullptr, &current) != 0) return;
  const bool ours = (current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_bus_error;
  if (ours) sigaction(SIGBUS, &previous, nullptr);
}

}  // namespace

int watch_faults(void* data, int64_t bytes) {
  const std::lock_guard lock(changes);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].end != 0) continue;
    if (in_use == 0 && !install()) return -1;
    ++in_use;
    slots[i].faulted = false;
    slots[i].begin = reinterpret_cast<uintptr_t>(data);
    slots[i].end = reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes);
    return static_cast<int>(i);
  }
  return -1;
}

void unwatch_faults(int slot) {
  const std::lock_guard lock(changes);
  slots[static_cast<size_t>(slot)].end = 0;
  slots[static_cast<size_t>(slot)].begin = 0;
  if (--in_use == 0) uninstall();
}

bool has_faulted(int slot) { return slots[static_cast<size_t>(slot)].faulted; }

}  // namespace dnd

#endif
