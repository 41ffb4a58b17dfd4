#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "core/integers.h"

namespace dnd {

class PassMemory;

/// A part of a pass's memory; free for others when the object goes.
class PassArray {
 public:
  PassArray() = default;
  ~PassArray() { reset(); }
  PassArray(PassArray&& other) noexcept { swap(other); }
  PassArray& operator=(PassArray&& other) noexcept {
    PassArray(std::move(other)).swap(*this);
    return *this;
  }

  float* data() const { return static_cast<float*>(place_); }
  void* memory() const { return place_; }
  void reset();

 private:
  friend class PassMemory;
  PassArray(PassMemory& owner, int64_t begin, void* place) : owner_(&owner), begin_(begin), place_(place) {}
  void swap(PassArray& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(begin_, other.begin_);
    std::swap(place_, other.place_);
  }

  PassMemory* owner_ = nullptr;
  int64_t begin_ = 0;
  void* place_ = nullptr;
};

/// One block, of which a pass gets its arrays: each the first gap that is large enough. Without a block the places are
/// only counted, so that a pass says how large a block it needs by going through its own steps. Must outlive its
/// arrays.
class PassMemory {
 public:
  /// `block`: null, or as large as the same arrays made most_bytes() before.
  explicit PassMemory(void* block) : block_(static_cast<char*>(block)) {}
  PassMemory(const PassMemory&) = delete;
  PassMemory& operator=(const PassMemory&) = delete;

  PassArray bytes(int64_t count) {
    const int64_t size = round_up(std::max<int64_t>(count, 1), kAlignment);
    int64_t begin = 0;
    for (const auto& [from, to] : taken_) {
      if (from >= begin + size) break;
      begin = to;
    }
    taken_.emplace(begin, begin + size);
    most_ = std::max(most_, begin + size);
    return PassArray(*this, begin, block_ != nullptr ? block_ + begin : nullptr);
  }
  PassArray floats(int64_t elements) { return bytes(elements * static_cast<int64_t>(sizeof(float))); }

  int64_t most_bytes() const { return most_; }

 private:
  friend class PassArray;

  static constexpr int64_t kAlignment = 256;

  char* const block_;
  std::map<int64_t, int64_t> taken_;  ///< begin → end
  int64_t most_ = 0;
};

inline void PassArray::reset() {
  if (owner_ != nullptr) owner_->taken_.erase(begin_);
  owner_ = nullptr;
  place_ = nullptr;
}

}  // namespace dnd
