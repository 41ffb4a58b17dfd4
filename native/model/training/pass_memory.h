#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "model/device.h"

namespace dnd {

class PassMemory;

/// Device memory of a pass; freed, and no longer counted, with the object.
class PassArray {
 public:
  PassArray() = default;
  ~PassArray() { reset(); }
  PassArray(PassArray&& other) noexcept { swap(other); }
  PassArray& operator=(PassArray&& other) noexcept {
    PassArray(std::move(other)).swap(*this);
    return *this;
  }

  float* data() const { return array_.data(); }
  void* memory() const { return array_.memory(); }
  void reset();

 private:
  friend class PassMemory;
  PassArray(PassMemory& owner, DeviceArray array, int64_t bytes)
      : owner_(&owner), array_(std::move(array)), bytes_(bytes) {}
  void swap(PassArray& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(array_, other.array_);
    std::swap(bytes_, other.bytes_);
  }

  PassMemory* owner_ = nullptr;
  DeviceArray array_;
  int64_t bytes_ = 0;
};

/// What a pass allocates, counted: how much of it is there at the same time. Without a device nothing but counted, so
/// that a pass says what it needs by going through its own steps. Must outlive its arrays.
class PassMemory {
 public:
  explicit PassMemory(const Device* device) : device_(device) {}
  PassMemory(const PassMemory&) = delete;
  PassMemory& operator=(const PassMemory&) = delete;

  PassArray bytes(int64_t count) {
    DeviceArray array;
    if (device_ != nullptr) array = DeviceArray::of_bytes(*device_, static_cast<size_t>(count));
    held_ += count;
    most_ = std::max(most_, held_);
    return PassArray(*this, std::move(array), count);
  }
  PassArray floats(int64_t elements) { return bytes(elements * static_cast<int64_t>(sizeof(float))); }

  int64_t most_bytes() const { return most_; }

 private:
  friend class PassArray;

  const Device* device_;
  int64_t held_ = 0, most_ = 0;
};

inline void PassArray::reset() {
  array_.reset();
  if (owner_ != nullptr) owner_->held_ -= bytes_;
  owner_ = nullptr;
}

}  // namespace dnd
