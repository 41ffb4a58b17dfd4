#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace dnd::cuda {

/// The device memory of one state: counted, and limited. What other states and programs use it knows only
/// from the free memory that the driver reports.
class DeviceMemory {
 public:
  /// `limit` in bytes; 0 = none.
  explicit DeviceMemory(int64_t limit) : limit_(limit) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// Freed with the object, which must not outlive the DeviceMemory.
  class Block {
   public:
    Block() = default;
    ~Block();
    Block(Block&& other) noexcept { swap(other); }
    Block& operator=(Block&& other) noexcept {
      Block(std::move(other)).swap(*this);
      return *this;
    }
    std::byte* data() const { return data_; }
    template <typename Value>
    Value* as() const {
      return reinterpret_cast<Value*>(data_);
    }
    int64_t bytes() const { return bytes_; }

   private:
    friend class DeviceMemory;
    void swap(Block& other) noexcept {
      std::swap(memory_, other.memory_);
      std::swap(data_, other.data_);
      std::swap(bytes_, other.bytes_);
    }
    DeviceMemory* memory_ = nullptr;
    std::byte* data_ = nullptr;
    int64_t bytes_ = 0;
  };

  /// 256-byte aligned. Error(kOutOfMemory) naming `purpose`, what it needs and what is free.
  Block allocate(size_t bytes, const std::string& purpose);

  int64_t used() const { return used_; }
  /// Under the limit, and by the free memory that the driver reports.
  int64_t available() const;

 private:
  const int64_t limit_;
  int64_t used_ = 0;
};

/// "12.3 MiB (12897485 bytes)".
std::string bytes_text(int64_t bytes);

}  // namespace dnd::cuda
