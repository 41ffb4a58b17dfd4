#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "core/integers.h"
#include "model/device.h"

namespace dnd {

class PassMemory;

/// Uninitialised memory of a pass, freed with the object.
class PassArray {
 public:
  PassArray() = default;
  ~PassArray() { reset(); }
  PassArray(PassArray&& other) noexcept { swap(other); }
  PassArray& operator=(PassArray&& other) noexcept {
    PassArray(std::move(other)).swap(*this);
    return *this;
  }

  float* data() const { return static_cast<float*>(address_); }
  void* memory() const { return address_; }
  int64_t size() const { return bytes_; }  ///< bytes; 0 if it is none
  void reset();

 private:
  friend class PassMemory;
  PassArray(PassMemory& owner, int64_t bytes, int64_t place, void* address)
      : owner_(&owner), bytes_(bytes), place_(place), address_(address) {}
  void swap(PassArray& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(bytes_, other.bytes_);
    std::swap(place_, other.place_);
    std::swap(address_, other.address_);
  }

  PassMemory* owner_ = nullptr;
  int64_t bytes_ = 0, place_ = 0;
  void* address_ = nullptr;
};

/// Allocator for the arrays of a pass: from a device, or first fit from one block. With neither, it only counts: the
/// steps of a pass then report the memory they need. Must outlive its arrays.
class PassMemory {
 public:
  PassMemory() = default;
  explicit PassMemory(const Device& device) : device_(&device) {}
  /// `block`: of block_bytes() from counting the same arrays.
  explicit PassMemory(void* block) : block_(static_cast<char*>(block)) {}
  PassMemory(const PassMemory&) = delete;
  PassMemory& operator=(const PassMemory&) = delete;

  /// Error(kOutOfMemory).
  PassArray bytes(int64_t count) {
    void* address = nullptr;
    int64_t place = 0;
    if (device_ != nullptr) {
      device_->call((*device_)->allocate, static_cast<size_t>(count), &address);
    } else {
      place = take_gap(round_up(std::max<int64_t>(count, 1), kAlignment));
      if (block_ != nullptr) address = block_ + place;
    }
    in_use_ += count;
    peak_ = std::max(peak_, in_use_);
    return PassArray(*this, count, place, address);
  }
  PassArray floats(int64_t elements) { return bytes(elements * static_cast<int64_t>(sizeof(float))); }

  /// Peak bytes of all arrays.
  int64_t peak_bytes() const { return peak_; }
  /// Size of a block that fits all arrays.
  int64_t block_bytes() const { return block_bytes_; }

 private:
  friend class PassArray;

  static constexpr int64_t kAlignment = 256;

  int64_t take_gap(int64_t size) {
    int64_t begin = 0;
    for (const auto& [from, to] : places_) {
      if (from >= begin + size) break;
      begin = to;
    }
    places_.emplace(begin, begin + size);
    block_bytes_ = std::max(block_bytes_, begin + size);
    return begin;
  }

  void release(int64_t bytes, int64_t place, void* address) {
    in_use_ -= bytes;
    if (device_ != nullptr) {
      (*device_)->release(device_->state(), address);
    } else {
      places_.erase(place);
    }
  }

  const Device* const device_ = nullptr;
  char* const block_ = nullptr;
  std::map<int64_t, int64_t> places_;  ///< begin → end, in the block
  int64_t block_bytes_ = 0;
  int64_t in_use_ = 0, peak_ = 0;
};

inline void PassArray::reset() {
  if (owner_ != nullptr) owner_->release(bytes_, place_, address_);
  owner_ = nullptr;
  address_ = nullptr;
  bytes_ = 0;
}

}  // namespace dnd
