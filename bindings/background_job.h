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
#include "model/language/batch.h"
#include "model/language/generation.h"

namespace dnd::bindings {

/// float32 values for an ArrayBuffer, allocated and written on the job's thread.
struct FloatResult {
  explicit FloatResult(int64_t bytes) : memory(size_t(bytes)), bytes(size_t(bytes)) {}
  float* data() { return memory.floats(); }

  Memory memory;
  size_t bytes;
};

/// Seconds of each measured run, and the parts of a spectral convolution.
struct MeasurementResult {
  std::vector<double> seconds;
  std::vector<double> part_seconds;    ///< empty: not a spectral convolution
  double product_flop = 0;             ///< of the complex product
  int64_t points_i = 0, points_j = 0;  ///< of a tile
};

/// Of AdapterGradients of src/engine/native-language.ts.
struct AdapterGradientResult {
  std::vector<LikelihoodSum> likelihoods;
  std::vector<FloatResult> gradients;
};

/// The CUDA devices of this machine.
struct DeviceInfoResult {
  struct Device {
    DndDeviceDescription description{};
    std::string problem;  ///< empty: none
  };
  std::string library;
  std::string problem;  ///< why no device is available; empty: none
  std::vector<Device> devices;
};

/// A value of a parameter that is not finite.
struct NonFiniteResult {
  bool found = false;
  std::string name;
  int64_t element = 0;
};

/// In JavaScript, several FloatResults are an array of ArrayBuffers; sums, likelihoods and
/// generated ids are one object per task or sequence.
using JobResult = std::variant<std::monostate, double, FloatResult, std::vector<FloatResult>,
                               std::vector<DndTokenSums>, MeasurementResult, DeviceInfoResult,
                               std::vector<LikelihoodSum>, std::vector<SequenceLikelihood>,
                               std::vector<GeneratedSequence>, AdapterGradientResult, NonFiniteResult>;

/// The function that runs on the job's thread. It owns what it uses (the model by shared_ptr, plain memory by pointer)
/// and never accesses JavaScript; the job's `inputs` keep the ArrayBuffers that it reads alive.
using JobWork = std::function<JobResult(Job&)>;

struct BackgroundJob;

/// Serial queue of a handle's jobs: the first is running. JavaScript thread only.
using JobQueue = std::deque<BackgroundJob*>;

/// A job with its own thread. Owned by the Environment. JavaScript thread only, except for `control` and what `run`
/// writes; references to JavaScript values must be destroyed there.
struct BackgroundJob {
  JobWork work;
  std::shared_ptr<JobQueue> queue;  ///< null: starts immediately
  std::vector<Napi::Reference<Napi::Value>> inputs;
  Napi::FunctionReference done;  ///< empty: no callback

  std::shared_ptr<Job> control = std::make_shared<Job>();
  std::thread thread;
  JobResult result;
  std::string failure;  ///< empty: success

  bool waits() const { return queue && !queue->empty() && queue->front() != this; }

  /// Job thread. Destroys `work` at its end, and with it the model if this was the last reference.
  void run();

  /// Calls `done(failure | undefined, result | undefined)`. JavaScript thread.
  void deliver(Napi::Env env);
};

}  // namespace dnd::bindings
