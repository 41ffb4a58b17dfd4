#pragma once

#include <cstdint>
#include <initializer_list>

#include "model/device.h"

namespace dnd {

/// One number for all that tells a pass from others on the same device: which operations, on which shapes.
inline uint64_t pass_key(std::initializer_list<int64_t> parts) {
  uint64_t key = 0x9e3779b97f4a7c15;
  for (const int64_t part : parts) {
    key ^= static_cast<uint64_t>(part);
    key *= 0xbf58476d1ce4e5b9;  // the finaliser of MurmurHash3 with Stafford's constants, one half for each part
    key ^= key >> 29;
    key *= 0x94d049bb133111eb;
    key ^= key >> 32;
  }
  return key;
}

/// A run of operations that the device may record and repeat (backend.h). Allocations are made in all cases; operations
/// only through `call`, which passes over them where the device repeats by itself. A pass that ends before `run`, as by
/// an exception, is abandoned.
class DevicePass {
 public:
  /// `bytes`: that are allocated at the same time, at most. Error(kOutOfMemory) where the device has not that much.
  DevicePass(const Device& device, uint64_t key, int64_t bytes) : device_(device) {
    const DndPass pass = {key, bytes};
    device.call(device->begin_pass, &pass, &recorded_);
    begun_ = true;
  }
  ~DevicePass() {
    if (begun_) device_->end_pass(device_.state(), nullptr, 0);
  }
  DevicePass(const DevicePass&) = delete;
  DevicePass& operator=(const DevicePass&) = delete;

  /// As Device::call.
  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    if (recorded_ == 0) device_.call(operation, arguments...);
  }

  /// Waits for the work; what was allocated is there until the next pass begins.
  void run(const DndControl* control) {
    begun_ = false;
    device_.call(device_->end_pass, control, int32_t{1});
  }

 private:
  const Device& device_;
  int32_t recorded_ = 0;
  bool begun_ = false;
};

}  // namespace dnd
