#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "backend.h"

extern "C" const DndBackend* dnd_device_library();

/// The backend as its callers see it: through the table alone.
namespace dnd::test {

struct Failure : std::runtime_error {
  Failure(DndStatus of, const char* sentence) : std::runtime_error(sentence), status(of) {}
  DndStatus status;
};

constexpr int64_t kPlenty = int64_t{1} << 30;

class BackendDevice {
 public:
  explicit BackendDevice(DndDeviceOptions options = {}, const DndBackend* table = dnd_device_library())
      : table_(table) {
    DndStatus status = kDndOk;
    state_ = table->open(&options, &status);
    check(status);
  }
  explicit BackendDevice(DndPrecision precision) : BackendDevice(DndDeviceOptions{0, 0, precision, 0}) {}
  ~BackendDevice() { table_->close(state_); }
  BackendDevice(const BackendDevice&) = delete;
  BackendDevice& operator=(const BackendDevice&) = delete;

  const DndBackend* operator->() const { return table_; }
  void* state() const { return state_; }

  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    check(operation(state_, arguments...));
  }
  /// The failure of a call that must not succeed.
  template <typename Operation, typename... Arguments>
  Failure failure(Operation operation, Arguments... arguments) const {
    const DndStatus status = operation(state_, arguments...);
    return {status, status == kDndOk ? "" : table_->last_error(state_)};
  }

 private:
  void check(DndStatus status) const {
    if (status != kDndOk) throw Failure(status, table_->last_error(state_));
  }

  const DndBackend* table_;
  void* state_ = nullptr;
};

/// Memory on a device, released with the object.
class BackendArray {
 public:
  BackendArray(const BackendDevice& device, int64_t bytes) : device_(device) {
    device.call(device->allocate, static_cast<size_t>(bytes), &memory_);
  }
  template <typename Value>
  BackendArray(const BackendDevice& device, const std::vector<Value>& values)
      : BackendArray(device, static_cast<int64_t>(values.size() * sizeof(Value))) {
    upload(values);
  }
  ~BackendArray() {
    if (memory_ != nullptr) device_->release(device_.state(), memory_);
  }
  BackendArray(BackendArray&& other) noexcept
      : device_(other.device_), memory_(std::exchange(other.memory_, nullptr)) {}

  template <typename Value>
  void upload(const std::vector<Value>& values) const {
    device_.call(device_->upload, memory_, static_cast<const void*>(values.data()), values.size() * sizeof(Value));
  }
  std::vector<float> download(int64_t elements) const {
    std::vector<float> values(elements, 1e30f);
    device_.call(device_->download, static_cast<void*>(values.data()), static_cast<const void*>(memory_),
                 elements * sizeof(float));
    return values;
  }

  float* floats() const { return static_cast<float*>(memory_); }
  template <typename Value>
  const Value* as() const {
    return static_cast<const Value*>(memory_);
  }
  void* memory() const { return memory_; }

 private:
  const BackendDevice& device_;
  void* memory_ = nullptr;
};

inline bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace dnd::test
