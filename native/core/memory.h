#pragma once

#include <cstddef>
#include <utility>

namespace dnd {

/// 64-byte aligned, uninitialised memory, freed with the object. Large blocks are mapped, so that freeing them returns
/// them to the system at once, and come in huge pages where the system has them.
class Memory {
 public:
  Memory() = default;
  /// Error(kOutOfMemory) naming the size when the system refuses.
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    Memory(std::move(other)).swap(*this);
    return *this;
  }

  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  size_t bytes() const { return bytes_; }

 private:
  void swap(Memory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace dnd
