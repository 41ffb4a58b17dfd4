#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend_training.h"
#include "model/device.h"

namespace dnd::test {

/// The CPU behind a table that counts operations and memory, and fails the operation of a given number. One at a time,
/// as the table's functions know no other state.
class TrainingDevice {
 public:
  TrainingDevice() { instance_ = this; }
  ~TrainingDevice() { instance_ = nullptr; }

  DeviceChoice choice() const { return {&table(), {.threads = 2}}; }

  int operations = 0;
  int failing = 0;  ///< the operation that fails, from 1; 0: none
  int64_t most_allocated = 0;
  std::vector<std::string> misuses;

 private:
  static DndStatus next() { return ++self().operations == self().failing ? kDndInternal : kDndOk; }
  static TrainingDevice& self() { return *instance_; }
  static const DndBackend& table();

  /// An entry of a table that counts itself before it calls the CPU's.
  template <auto Entry>
  struct Counted;
  template <typename... Arguments, DndStatus (*DndBackend::*Entry)(void*, const DndControl*, Arguments...)>
  struct Counted<Entry> {
    static DndStatus call(void* device, const DndControl* control, Arguments... arguments) {
      if (!self().in_pass_) self().misuses.push_back("an operation outside a pass");
      const DndStatus status = next();
      return status == kDndOk ? (cpu_backend()->*Entry)(device, control, arguments...) : status;
    }
  };
  template <typename... Arguments, DndStatus (*DndTrainingOperations::*Entry)(void*, const DndControl*, Arguments...)>
  struct Counted<Entry> {
    static DndStatus call(void* device, const DndControl* control, Arguments... arguments) {
      if (!self().in_pass_) self().misuses.push_back("an operation outside a pass");
      const DndStatus status = next();
      return status == kDndOk ? (cpu_backend()->training->*Entry)(device, control, arguments...) : status;
    }
  };

  static inline TrainingDevice* instance_ = nullptr;
  std::map<void*, int64_t> allocated_;
  bool in_pass_ = false;
};

inline const DndBackend& TrainingDevice::table() {
  using Training = DndTrainingOperations;
  static const DndTrainingOperations training = [] {
    DndTrainingOperations t = *cpu_backend()->training;
    t.weight_gradient = Counted<&Training::weight_gradient>::call;
    t.merge_paths = Counted<&Training::merge_paths>::call;
    t.split_paths = Counted<&Training::split_paths>::call;
    t.sum_rows = Counted<&Training::sum_rows>::call;
    t.sum_tokens = Counted<&Training::sum_tokens>::call;
    t.layer_norm_gradient = Counted<&Training::layer_norm_gradient>::call;
    t.linear_gradient = Counted<&Training::linear_gradient>::call;
    t.token_loss = Counted<&Training::token_loss>::call;
    t.add_noise = Counted<&Training::add_noise>::call;
    t.sum_squares = Counted<&Training::sum_squares>::call;
    t.adamw = Counted<&Training::adamw>::call;
    t.adamw_quantised = Counted<&Training::adamw_quantised>::call;
    return t;
  }();
  static const DndBackend table = [] {
    DndBackend t = *cpu_backend();
    t.name = "counting";
    t.training = &training;
    t.last_error = [](void* device) {
      return self().operations == self().failing ? "it failed on purpose" : cpu_backend()->last_error(device);
    };
    t.moments = Counted<&DndBackend::moments>::call;
    t.convolution = Counted<&DndBackend::convolution>::call;
    t.linear = Counted<&DndBackend::linear>::call;
    t.begin_pass = [](void*, const DndPass*, int32_t* recorded) {
      self().in_pass_ = true;
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
      self().most_allocated = std::max(self().most_allocated, sum);
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
