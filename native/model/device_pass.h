#pragma once

#include <cstdint>
#include <initializer_list>

#include "model/device.h"

namespace dnd {

/// Hash of what distinguishes a pass from others on the same device: its operations and shapes.
inline uint64_t pass_key(std::initializer_list<int64_t> parts) {
  uint64_t key = 0x9e3779b97f4a7c15;
  for (const int64_t part : parts) {
    key ^= static_cast<uint64_t>(part);
    key *= 0xbf58476d1ce4e5b9;  // one half per part of the MurmurHash3 finaliser, with Stafford's constants
    key ^= key >> 29;
    key *= 0x94d049bb133111eb;
    key ^= key >> 32;
  }
  return key;
}

/// A sequence of operations that the device may record and replay (backend.h). Allocations always happen; operations go
/// through `call`, which skips them when the device replays. Destroyed before `run`, as by an exception, the pass is
/// abandoned.
class DevicePass {
 public:
  /// `bytes`: peak allocated. Error(kOutOfMemory) if the device has less.
  DevicePass(const Device& device, uint64_t key, int64_t bytes) : device_(device) {
    const DndPass pass = {key, bytes};
    device.call(device->begin_pass, &pass, &recorded_);
    active_ = true;
  }
  ~DevicePass() {
    if (active_) device_->end_pass(device_.state(), nullptr, 0);
  }
  DevicePass(const DevicePass&) = delete;
  DevicePass& operator=(const DevicePass&) = delete;

  /// As Device::call.
  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    if (recorded_ == 0) device_.call(operation, arguments...);
  }

  /// Waits for completion; allocations stay valid until the next pass begins.
  void run(const DndControl* control) {
    active_ = false;
    device_.call(device_->end_pass, control, int32_t{1});
  }

 private:
  const Device& device_;
  int32_t recorded_ = 0;
  bool active_ = false;
};

}  // namespace dnd
