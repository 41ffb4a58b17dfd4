#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "background_job.h"

namespace dnd::bindings {

/// The addon's state for one Node environment (the main thread or a worker): its jobs, and the thread-safe function
/// through which their threads report completion. There are no globals, so environments are isolated.
///
/// Teardown (worker.terminate(), the end of a worker): Node runs the cleanup hook on the JavaScript thread; it cancels
/// every job and joins its thread, which takes until the next tile. Only then are handles and references finalised and
/// the library unloaded. The hook is registered after the thread-safe function, and hooks run last in, first out: no
/// thread ever calls a closed thread-safe function.
class Environment {
 public:
  static std::shared_ptr<Environment> create(Napi::Env env);
  static std::shared_ptr<Environment> of(Napi::Env env);

  /// Starts or queues a job; returns { cancel, progress }.
  Napi::Object submit(JobWork work, std::shared_ptr<JobQueue> queue, Napi::Function done,
                      const std::vector<Napi::Value>& inputs = {});

  /// Frees a model of `bytes`: a large one on another thread, because unmapping gigabytes would block the event loop.
  void release(std::shared_ptr<void> model, int64_t bytes);

  /// Stops a job at its next tile; a queued one never starts. `done` is called in both cases.
  void cancel(BackgroundJob& job);

 private:
  explicit Environment(Napi::Env env);
  void add(std::shared_ptr<BackgroundJob> job);
  void start(BackgroundJob& job);
  void report(BackgroundJob& job);
  void complete(BackgroundJob* job);
  void close();

  Napi::Env env_;
  napi_threadsafe_function reports_ = nullptr;
  std::unordered_map<BackgroundJob*, std::shared_ptr<BackgroundJob>> jobs_;
  bool closed_ = false;
};

}  // namespace dnd::bindings
