#include "cuda/host/memory.h"

#include <algorithm>
#include <cstdio>

#include "core/integers.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {
namespace {

constexpr int64_t kGranule = 256;  ///< of the device's allocator, at least

std::string refusal(const std::string& purpose, size_t bytes, int64_t free, int64_t limit) {
  std::string sentence = "not enough device memory for " + purpose + ": it needs " +
                         bytes_text(static_cast<int64_t>(std::min(bytes, size_t{INT64_MAX}))) + ", and " +
                         bytes_text(free) + " are free";
  if (limit > 0) sentence += " under the memory limit of " + bytes_text(limit);
  return sentence;
}

}  // namespace

std::string bytes_text(int64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.1f MiB (%lld bytes)", static_cast<double>(bytes) / (1 << 20),
                static_cast<long long>(bytes));
  return text;
}

DeviceMemory::Block::~Block() {
  if (data_ == nullptr) return;
  runtime::release(data_);
  memory_->used_ -= bytes_;
}

DeviceMemory::Block DeviceMemory::allocate(size_t bytes, const std::string& purpose) {
  const int64_t free = available();
  const bool fits = bytes <= static_cast<size_t>(free);
  const int64_t size = fits ? round_up(std::max<int64_t>(1, static_cast<int64_t>(bytes)), kGranule) : 0;
  if (!fits || size > free) throw Error(ErrorCode::kOutOfMemory, refusal(purpose, bytes, free, limit_));
  Block block;
  try {
    block.data_ = static_cast<std::byte*>(runtime::allocate(static_cast<size_t>(size)));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    // What is free in all need not be contiguous.
    throw Error(ErrorCode::kOutOfMemory, refusal(purpose, bytes, free, limit_) + " in all; " + error.what());
  }
  block.memory_ = this;
  block.bytes_ = size;
  used_ += size;
  return block;
}

int64_t DeviceMemory::available() const {
  const int64_t free = runtime::memory_info().free_bytes;
  return limit_ > 0 ? std::clamp<int64_t>(limit_ - used_, 0, free) : free;
}

}  // namespace dnd::cuda
