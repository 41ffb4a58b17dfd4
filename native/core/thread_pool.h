#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/function_ref.h"

namespace dnd {

/// Default number of threads: DND_THREADS if it is set (Error(kInvalidArgument) unless it is a whole
/// number 1…kMaxThreads), else usable_cpus().
int default_threads();

constexpr int kMaxThreads = 1024;

/// A fixed set of threads that share loops. The calling thread works on a loop too.
class ThreadPool {
 public:
  /// threads 0 = default_threads(). Error(kInvalidArgument) outside 0…kMaxThreads. Has fewer where the system gives no
  /// more.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls work(task, thread) once for every task in [0, tasks), thread in [0, threads()): two calls at the same time
  /// never have the same thread number. Returns when all are done. When a task throws, tasks that have not started are
  /// skipped and the first exception is thrown here. Loops of several callers run one after the other.
  /// A task must not start another loop on its own pool: Error(kInternal).
  void parallel_for(int64_t tasks, FunctionRef<void(int64_t task, int thread)> work);

 private:
  void serve(int thread);
  void take_tasks(int thread);

  /// Spins briefly for `ready` without parking.
  template <typename Ready>
  void look_for(const Ready& ready) const;

  std::vector<std::thread> workers_;
  bool patient_ = false;  ///< there is a core for each thread
  std::mutex callers_;    ///< held by the caller whose loop runs

  /// Guards what follows, but the atomics' reading. They are changed under it, so that no wake-up is missed.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::atomic<uint64_t> loop_{0};  ///< number of the running loop: a worker compares it to detect a new one
  std::atomic<int> busy_{0};       ///< workers that have not yet left the running loop
  std::atomic<bool> stopping_{false};
  std::exception_ptr failure_;

  const FunctionRef<void(int64_t, int)>* work_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int64_t> next_task_{0};
};

}  // namespace dnd
