#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "backend.h"
#include "core/status.h"

namespace dnd {

/// The CPU backend.
const DndBackend* cpu_backend();

/// A device and its options. An integer selects the CPU with that many threads; 0 = the default.
struct DeviceChoice {
  DeviceChoice(int threads) : backend(cpu_backend()), options{.threads = threads} {}
  DeviceChoice(const DndBackend* backend, const DndDeviceOptions& options) : backend(backend), options(options) {}

  const DndBackend* backend;
  DndDeviceOptions options;
};

/// Bytes of device memory.
struct DeviceMemory {
  int64_t used;       ///< by the model
  int64_t available;  ///< for the next pass; INT64_MAX for host memory, which a device does not report
};

/// An open device. `device.call(device->linear, …)` calls an operation and throws dnd::Error with the device's message
/// on failure.
class Device {
 public:
  /// Error(kInvalidArgument) also for another version of the backend interface, Error(kUnavailable) without such a
  /// device.
  explicit Device(const DeviceChoice& choice) : backend_(choice.backend) {
    if (backend_->version != kDndBackendVersion) {
      throw Error(ErrorCode::kInvalidArgument, "device library '" + std::string(backend_->name) +
                                                   "' has backend interface version " +
                                                   std::to_string(backend_->version) + "; this build needs " +
                                                   std::to_string(kDndBackendVersion));
    }
    DndStatus status = kDndOk;
    state_ = backend_->open(&choice.options, &status);
    check(status);
  }
  ~Device() {
    if (state_ != nullptr) backend_->close(state_);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// `reusable`: bytes in use that the next pass can reuse.
  DeviceMemory memory_beside(int64_t reusable) const {
    DeviceMemory memory{};
    call(backend_->memory, &memory.used, &memory.available);
    memory.available = memory.available > INT64_MAX - reusable ? INT64_MAX : memory.available + reusable;
    return memory;
  }

  bool in_host_memory() const { return backend_->host_memory != 0; }
  const DndBackend* operator->() const { return backend_; }
  void* state() const { return state_; }

  void upload(void* to, const void* host, int64_t bytes) const {
    call(backend_->upload, to, host, static_cast<size_t>(bytes));
  }
  void download(void* host, const void* from, int64_t bytes) const {
    call(backend_->download, host, from, static_cast<size_t>(bytes));
  }

  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    check(operation(state_, arguments...));
  }

 private:
  void check(DndStatus status) const {
    if (status != kDndOk) throw Error(code(status), backend_->last_error(state_));
  }
  static ErrorCode code(DndStatus status) {
    switch (status) {
      case kDndInvalidArgument: return ErrorCode::kInvalidArgument;
      case kDndOutOfMemory: return ErrorCode::kOutOfMemory;
      case kDndAborted: return ErrorCode::kAborted;
      case kDndUnavailable: return ErrorCode::kUnavailable;
      default: return ErrorCode::kInternal;
    }
  }

  const DndBackend* backend_;
  void* state_ = nullptr;
};

/// Uninitialised device memory, freed with the object. The device must outlive it.
class DeviceArray {
 public:
  DeviceArray() = default;
  /// float32. Error(kOutOfMemory).
  DeviceArray(const Device& device, int64_t elements) : DeviceArray(device, bytes_of(elements), InBytes{}) {}
  ~DeviceArray() { reset(); }
  DeviceArray(DeviceArray&& other) noexcept { swap(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    DeviceArray(std::move(other)).swap(*this);
    return *this;
  }

  /// For types other than float32.
  static DeviceArray of_bytes(const Device& device, size_t bytes) { return DeviceArray(device, bytes, InBytes{}); }

  float* data() const { return static_cast<float*>(memory_); }
  void* memory() const { return memory_; }
  void reset() {
    if (memory_ != nullptr) (*device_)->release(device_->state(), memory_);
    memory_ = nullptr;
  }

 private:
  struct InBytes {};
  DeviceArray(const Device& device, size_t bytes, InBytes) : device_(&device) {
    device.call(device->allocate, bytes, &memory_);
  }
  static size_t bytes_of(int64_t elements) {
    size_t bytes;
    return __builtin_mul_overflow(elements, sizeof(float), &bytes) ? SIZE_MAX : bytes;
  }
  void swap(DeviceArray& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
  }

  const Device* device_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace dnd
