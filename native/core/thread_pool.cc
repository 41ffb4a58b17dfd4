#include "core/thread_pool.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/status.h"
#include "core/usable_cpus.h"

namespace dnd {
namespace {

/// The pool whose task this thread is working on: a loop inside a loop of the same pool would wait for itself.
thread_local const ThreadPool* working_for = nullptr;

/// Loops of small work follow each other within microseconds, and waking a thread takes tens of them, on a virtual
/// machine more: threads spin this long for the next loop before they park.
constexpr std::chrono::microseconds kSpin{100};
constexpr int kLooksAtOnce = 64;

/// Lets the other thread of a core run for a moment, where it has two.
void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // `yield` does nothing on most of these processors
#endif
}

}  // namespace

int default_threads() {
  const char* wanted = std::getenv("DND_THREADS");
  if (wanted == nullptr || *wanted == '\0') return std::min(usable_cpus(), kMaxThreads);
  char* end = nullptr;
  errno = 0;
  const long threads = std::strtol(wanted, &end, 10);
  if (errno != 0 || *end != '\0' || threads < 1 || threads > kMaxThreads) {
    throw Error(ErrorCode::kInvalidArgument, "DND_THREADS is '" + std::string(wanted) +
                                                 "'; it must be a whole number from 1 to " +
                                                 std::to_string(kMaxThreads));
  }
  return static_cast<int>(threads);
}

ThreadPool::ThreadPool(int threads) {
  if (threads < 0 || threads > kMaxThreads) {
    throw Error(ErrorCode::kInvalidArgument, "threads is " + std::to_string(threads) + "; it must be from 0 to " +
                                                 std::to_string(kMaxThreads) + " (0 = as many as there are cores)");
  }
  if (threads == 0) threads = default_threads();
  patient_ = threads <= usable_cpus();
  workers_.reserve(threads - 1);
  try {
    for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
  } catch (const std::exception&) {
    // No more threads, or no memory for one: results do not depend on their number, so continue with
    // those there are.
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::parallel_for(int64_t tasks, FunctionRef<void(int64_t, int)> work) {
  if (working_for == this) {
    throw Error(ErrorCode::kInternal, "a loop of a thread pool must not start another loop on the same pool");
  }
  if (tasks <= 0) return;
  std::lock_guard caller(callers_);
  {
    std::lock_guard lock(mutex_);
    work_ = &work;
    tasks_ = tasks;
    next_task_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    busy_ = tasks > 1 ? static_cast<int>(workers_.size()) : 0;
    if (busy_ > 0) ++loop_;
  }
  if (tasks > 1) wake_.notify_all();
  const ThreadPool* outer = working_for;
  working_for = this;
  take_tasks(0);
  working_for = outer;

  const auto all_left = [this] { return busy_ == 0; };
  look_for(all_left);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, all_left);
  work_ = nullptr;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

template <typename Ready>
void ThreadPool::look_for(const Ready& ready) const {
  if (!patient_) return;
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooksAtOnce; ++i) {
      if (ready()) return;
      pause_core();
    }
  } while (std::chrono::steady_clock::now() < until);
}

void ThreadPool::serve(int thread) {
  working_for = this;
  uint64_t seen = 0;
  const auto called = [&] { return stopping_ || loop_ != seen; };
  for (;;) {
    look_for(called);
    std::unique_lock lock(mutex_);
    wake_.wait(lock, called);
    if (stopping_) return;
    seen = loop_;
    lock.unlock();
    take_tasks(thread);
    lock.lock();
    if (--busy_ == 0) finished_.notify_one();
  }
}

void ThreadPool::take_tasks(int thread) {
  for (;;) {
    const int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks_) return;
    try {
      (*work_)(task, thread);
    } catch (...) {
      next_task_.store(tasks_, std::memory_order_relaxed);
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }
}

}  // namespace dnd
