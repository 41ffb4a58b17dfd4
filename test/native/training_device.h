#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend_training.h"
#include "model/device.h"

namespace dnd::test {

/// The CPU behind a backend interface that counts operations, their work and memory, reports misuse, and can fail the
/// n-th operation. One instance at a time: the functions of the interface use a global.
class TrainingDevice {
 public:
  TrainingDevice() { instance_ = this; }
  ~TrainingDevice() { instance_ = nullptr; }

  DeviceChoice choice() const { return {&table(), {.threads = 2}}; }

  int operations = 0;
  int failing = 0;                       ///< number of the operation that fails, from 1; 0: none
  std::atomic<double> multiply_adds{0};  ///< reported
  std::function<void()> when_asked;      ///< called whenever an operation polls for cancellation
  int64_t peak_allocated = 0;
  std::vector<std::string> misuses;

 private:
  static TrainingDevice& self() { return *instance_; }
  static const DndBackend& table();

  /// Intercepts the caller's control.
  struct Watched {
    const DndControl* inner;
    DndControl control{this,
                       [](void* context) -> int32_t {
                         if (self().when_asked) self().when_asked();
                         const DndControl& inner = *static_cast<Watched*>(context)->inner;
                         return inner.cancelled(inner.context);
                       },
                       [](void* context, double done) {
                         self().multiply_adds += done;
                         const DndControl& inner = *static_cast<Watched*>(context)->inner;
                         if (inner.advance != nullptr) inner.advance(inner.context, done);
                       }};
  };

  template <typename Entry, typename... Arguments>
  DndStatus run(Entry entry, void* device, const DndControl* control, Arguments... arguments) {
    if (!in_pass_) misuses.push_back("an operation outside a pass");
    if (++operations == failing) return kDndInternal;
    computing_ = true;
    Watched watched{control};
    return entry(device, &watched.control, arguments...);
  }

  /// Function of a backend interface that is recorded and then forwarded to the CPU.
  template <auto Entry>
  struct Noted;
  template <typename... Arguments, DndStatus (*DndBackend::*Entry)(void*, const DndControl*, Arguments...)>
  struct Noted<Entry> {
    static DndStatus call(void* device, const DndControl* control, Arguments... arguments) {
      return self().run(cpu_backend()->*Entry, device, control, arguments...);
    }
  };
  template <typename... Arguments, DndStatus (*DndTrainingOperations::*Entry)(void*, const DndControl*, Arguments...)>
  struct Noted<Entry> {
    static DndStatus call(void* device, const DndControl* control, Arguments... arguments) {
      return self().run(cpu_backend()->training->*Entry, device, control, arguments...);
    }
  };

  void check_resident(const float* parameter) {
    if (parameter != nullptr && !resident_.contains(parameter)) misuses.push_back("a parameter is not resident");
  }
  DndStatus make_resident(const float* parameter) {
    if (in_pass_) misuses.push_back("uploading within a pass");
    resident_.insert(parameter);
    return kDndOk;
  }

  static inline TrainingDevice* instance_ = nullptr;
  std::map<void*, int64_t> allocated_;
  std::set<const float*> resident_;
  bool in_pass_ = false, computing_ = false;
};

inline const DndBackend& TrainingDevice::table() {
  using Training = DndTrainingOperations;
  static const DndTrainingOperations training = [] {
    DndTrainingOperations t = *cpu_backend()->training;
    t.weight_gradient = Noted<&Training::weight_gradient>::call;
    t.merge_paths = Noted<&Training::merge_paths>::call;
    t.split_paths = Noted<&Training::split_paths>::call;
    t.sum_rows = Noted<&Training::sum_rows>::call;
    t.sum_tokens = Noted<&Training::sum_tokens>::call;
    t.layer_norm_gradient = Noted<&Training::layer_norm_gradient>::call;
    t.linear_gradient = Noted<&Training::linear_gradient>::call;
    t.token_loss = Noted<&Training::token_loss>::call;
    t.add = Noted<&Training::add>::call;
    t.add_noise = Noted<&Training::add_noise>::call;
    t.sum_squares = Noted<&Training::sum_squares>::call;
    t.adamw = Noted<&Training::adamw>::call;
    t.adamw_quantised = Noted<&Training::adamw_quantised>::call;
    return t;
  }();
  static const DndBackend table = [] {
    DndBackend t = *cpu_backend();
    t.name = "counting";
    t.host_memory = 0;
    t.training = &training;
    t.last_error = [](void* device) {
      return self().operations == self().failing ? "it failed on purpose" : cpu_backend()->last_error(device);
    };
    t.norm_statistics = Noted<&DndBackend::norm_statistics>::call;
    t.convolution = [](void* device, const DndControl* control, const DndConvolution* convolution,
                       const DndConvolutionOperands* operands) {
      const auto* const weight = static_cast<const float*>(operands->weight);
      for (const float* parameter : {operands->norm_weight, operands->norm_bias, weight, operands->bias}) {
        self().check_resident(parameter);
      }
      return Noted<&DndBackend::convolution>::call(device, control, convolution, operands);
    };
    t.linear = Noted<&DndBackend::linear>::call;
    t.reconstruct = Noted<&DndBackend::reconstruct>::call;
    t.upload_values = [](void*, const float* values, int64_t) { return self().make_resident(values); };
    t.upload_linear = [](void*, DndWeight weight, int64_t, int64_t) {
      return self().make_resident(static_cast<const float*>(weight.values));
    };
    t.upload_convolution = [](void*, const DndControl*, const DndConvolution*, const void* weight, int64_t) {
      return self().make_resident(static_cast<const float*>(weight));
    };
    t.invalidate = [](void*) {
      self().resident_.clear();
      return kDndOk;
    };
    t.upload = [](void* device, void* to, const void* from, size_t bytes) {
      if (!self().in_pass_ || self().computing_) self().misuses.push_back("an upload after operations");
      return cpu_backend()->upload(device, to, from, bytes);
    };
    t.begin_pass = [](void*, const DndPass*, int32_t* recorded) {
      self().in_pass_ = true;
      self().computing_ = false;
      *recorded = 0;
      return kDndOk;
    };
    t.end_pass = [](void*, const DndControl*, int32_t) {
      self().in_pass_ = false;
      return kDndOk;
    };
    t.allocate = [](void* device, size_t bytes, void** memory) {
      const DndStatus status = cpu_backend()->allocate(device, bytes, memory);
      if (status != kDndOk) return status;
      self().allocated_[*memory] = static_cast<int64_t>(bytes);
      int64_t sum = 0;
      for (const auto& [place, count] : self().allocated_) sum += count;
      self().peak_allocated = std::max(self().peak_allocated, sum);
      return status;
    };
    t.release = [](void* device, void* memory) {
      self().allocated_.erase(memory);
      cpu_backend()->release(device, memory);
    };
    return t;
  }();
  return table;
}

}  // namespace dnd::test
