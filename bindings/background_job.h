#pragma once

#include <napi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "backend_training.h"
#include "core/job.h"
#include "core/memory.h"

namespace dnd::bindings {

/// Float32 values for an ArrayBuffer, allocated and filled on the job's thread.
struct FloatResult {
  explicit FloatResult(int64_t bytes) : memory(size_t(bytes)), bytes(size_t(bytes)) {}
  float* data() { return memory.floats(); }

  Memory memory;
  size_t bytes;
};

/// Seconds of the runs of a measurement, and what a spectral convolution did with its time.
struct MeasurementResult {
  std::vector<double> seconds;
  std::vector<double> part_seconds;    ///< empty: no spectral convolution
  double product_flop = 0;             ///< of its complex product
  int64_t points_i = 0, points_j = 0;  ///< of its tiles
};

/// The CUDA devices of this machine.
struct DeviceInfoResult {
  struct OneDevice {
    DndDeviceDescription description{};
    std::string problem;  ///< empty: none
  };
  std::string library;
  std::string problem;  ///< why there can be no devices; empty: none
  std::vector<OneDevice> devices;
};

/// Several FloatResults become an array of ArrayBuffers, sums one object for each task.
using JobResult = std::variant<std::monostate, double, FloatResult, std::vector<FloatResult>,
                               std::vector<DndTokenSums>, MeasurementResult, DeviceInfoResult>;

/// What a job does on its thread. It owns all it needs (the model through a shared_ptr, plain memory by pointer) and
/// never touches JavaScript; ArrayBuffers that it reads are in the job's `inputs`.
using JobWork = std::function<JobResult(Job&)>;

struct BackgroundJob;

/// The jobs of one handle: the first runs, the others wait for their turn. Used on the JavaScript thread only.
using JobQueue = std::deque<BackgroundJob*>;

/// One piece of work on a thread of its own. Owned by the Environment; all but `control`, and what `run` writes while
/// it runs, belongs to the JavaScript thread. References to JavaScript values die only there.
struct BackgroundJob {
  JobWork work;
  std::shared_ptr<JobQueue> queue;  ///< null: starts at once
  std::vector<Napi::Reference<Napi::Value>> inputs;
  Napi::FunctionReference done;  ///< empty: nobody waits

  std::shared_ptr<Job> control = std::make_shared<Job>();
  std::thread thread;
  JobResult result;
  std::string failure;  ///< empty: it succeeded

  bool waits() const { return queue && !queue->empty() && queue->front() != this; }

  /// On the job's thread. Lets go of the work at its end, and so of a model that nobody else holds any more.
  void run();

  /// Calls `done(failure | undefined, result | undefined)`. JavaScript thread.
  void deliver(Napi::Env env);
};

}  // namespace dnd::bindings
